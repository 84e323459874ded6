// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import io.sparkmooncake.gpu.driver.GpuException.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUuuid;
import jcuda.driver.JCudaDriver;

/** Calls of the driver with errors that say what failed, and addresses as numbers. Threading: safe from any thread. */
final class DriverCalls {
    private DriverCalls() {}

    /** A pointer to an address, for calls that compute with it. */
    private static final class Address extends CUdeviceptr {
        Address(long address) {
            super(new CUdeviceptr(), address);
        }
    }

    /** Reads the address that a call gave. */
    private static final class Reader extends CUdeviceptr {
        Reader(CUdeviceptr of) {
            super(of);
        }

        long address() {
            return getNativePointer() + getByteOffset();
        }
    }

    static CUdeviceptr at(long address) {
        return new Address(address);
    }

    static long of(CUdeviceptr pointer) {
        return new Reader(pointer).address();
    }

    /** Returns the driver's words for a code. */
    static String say(int code) {
        String[] text = new String[1];
        JCudaDriver.cuGetErrorString(code, text);
        return CUresult.stringFor(code) + " (" + text[0] + ")";
    }

    /** Throws what a code means. */
    static void check(int code, String what, Object device) {
        if (code == CUresult.CUDA_SUCCESS) {
            return;
        }
        Code kind = switch (code) {
            case CUresult.CUDA_ERROR_OUT_OF_MEMORY -> Code.OUT_OF_MEMORY;
            case CUresult.CUDA_ERROR_NOT_PERMITTED,
                    CUresult.CUDA_ERROR_NOT_SUPPORTED,
                    CUresult.CUDA_ERROR_INVALID_VALUE,
                    CUresult.CUDA_ERROR_INVALID_HANDLE -> Code.REFUSED;
            case CUresult.CUDA_ERROR_NO_DEVICE, CUresult.CUDA_ERROR_NOT_INITIALIZED -> Code.UNAVAILABLE;
            case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE, CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE -> Code.DEVICE_LOST;
            default -> code >= CUresult.CUDA_ERROR_ILLEGAL_ADDRESS ? Code.DEVICE_LOST : Code.DRIVER;
        };
        throw new GpuException(kind, what + " on " + device + ": the driver says " + say(code));
    }

    static List<DeviceIdentity> devices() {
        DriverLibrary.load();
        int code = JCudaDriver.cuInit(0);
        if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
            return List.of();
        }
        check(code, "cuInit", "this process");
        int[] count = new int[1];
        check(JCudaDriver.cuDeviceGetCount(count), "cuDeviceGetCount", "this process");
        List<DeviceIdentity> devices = new ArrayList<>();
        for (int ordinal = 0; ordinal < count[0]; ordinal++) {
            devices.add(identity(ordinal));
        }
        return List.copyOf(devices);
    }

    private static DeviceIdentity identity(int ordinal) {
        String where = "cuda:" + ordinal;
        CUdevice device = new CUdevice();
        check(JCudaDriver.cuDeviceGet(device, ordinal), "cuDeviceGet", where);
        byte[] name = new byte[256];
        check(JCudaDriver.cuDeviceGetName(name, name.length, device), "cuDeviceGetName", where);
        CUuuid uuid = new CUuuid();
        check(JCudaDriver.cuDeviceGetUuid(uuid, device), "cuDeviceGetUuid", where);
        String[] bus = new String[1];
        check(JCudaDriver.cuDeviceGetPCIBusId(bus, 32, device), "cuDeviceGetPCIBusId", where);
        long[] bytes = new long[1];
        check(JCudaDriver.cuDeviceTotalMem(bytes, device), "cuDeviceTotalMem", where);
        int capability = 10 * attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                + attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        int multiprocessors = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        return new DeviceIdentity(
                ordinal, text(uuid.bytes), cString(bus[0]), cString(name), capability, multiprocessors, bytes[0]);
    }

    static int attribute(CUdevice device, int attribute) {
        int[] value = new int[1];
        check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute", device);
        return value[0];
    }

    private static String cString(String text) {
        int end = text.indexOf('\0');
        return (end < 0 ? text : text.substring(0, end)).strip();
    }

    private static String cString(byte[] bytes) {
        int end = 0;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, 0, end, java.nio.charset.StandardCharsets.US_ASCII);
    }

    private static String text(byte[] uuid) {
        StringBuilder text = new StringBuilder("GPU");
        for (int i = 0; i < uuid.length; i++) {
            text.append(i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "");
            text.append(String.format(Locale.ROOT, "%02x", uuid[i]));
        }
        return text.toString();
    }
}
