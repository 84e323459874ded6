// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.apache.spark.BarrierTaskContext;
import org.junit.jupiter.api.Test;

/** The rooms, the arrows between them and the habits of the house, on the main classes of every module. */
final class ArchitectureTest {
    private static final String ROOT = "io.sparkmooncake.";

    /** Non-final classes that Spark's SPI forces on us, by full name, each with its reason in the commit. */
    private static final Set<String> MAY_BE_EXTENDED = Set.of();

    /** The static state that Spark's reflective constructors and its tasks force on us, as {@code class#field}. */
    private static final Set<String> MAY_BE_STATIC_STATE = Set.of(
            "io.sparkmooncake.shuffle.ShuffleRuntime#INSTALLED",
            "io.sparkmooncake.collectives.bootstrap.ProcessRendezvous#INSTALLED");

    private static final List<Class<?>> MUTABLE = List.of(
            AtomicBoolean.class,
            AtomicInteger.class,
            AtomicLong.class,
            AtomicReference.class,
            LongAdder.class,
            ThreadLocal.class,
            Map.class,
            Collection.class);

    private static final JavaClasses HOUSE = new ClassFileImporter()
            .withImportOption(location -> !location.contains("/test-classes/"))
            .importPackages("io.sparkmooncake");

    @Test
    void seesEveryModule() {
        assertThat(List.of("conf", "transfer", "collectives", "gpu", "shuffle", "ml", "plugin", "integration"))
                .allSatisfy(room -> assertThat(HOUSE.contain(ROOT + room + ".package-info"))
                        .as("main classes of %s are on the class path", room)
                        .isTrue());
    }

    @Test
    void roomsDependOnlyAlongTheArrows() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .withOptionalLayers(true)
                .layer("conf")
                .definedBy(ROOT + "conf..")
                .layer("transfer")
                .definedBy(ROOT + "transfer..")
                .layer("collectives")
                .definedBy(ROOT + "collectives..")
                .layer("shuffle")
                .definedBy(ROOT + "shuffle..")
                .layer("gpu")
                .definedBy(ROOT + "gpu..")
                .layer("plugin")
                .definedBy(ROOT + "plugin..")
                .layer("ml")
                .definedBy(ROOT + "ml..")
                .layer("integration")
                .definedBy(ROOT + "integration..")
                .whereLayer("conf")
                .mayNotAccessAnyLayer()
                .whereLayer("transfer")
                .mayOnlyAccessLayers("conf")
                .whereLayer("collectives")
                .mayOnlyAccessLayers("transfer", "conf")
                .whereLayer("shuffle")
                .mayOnlyAccessLayers("transfer", "conf")
                .whereLayer("gpu")
                .mayOnlyAccessLayers("transfer", "collectives", "conf")
                .whereLayer("plugin")
                .mayOnlyAccessLayers("conf", "transfer", "collectives", "shuffle", "gpu")
                .whereLayer("ml")
                .mayOnlyAccessLayers("collectives")
                .whereLayer("integration")
                .mayNotBeAccessedByAnyLayer()
                .check(HOUSE);
    }

    @Test
    void gpuKnowsOnlyTheSeamOfCollectives() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + "gpu..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        ROOT + "collectives.algorithm..",
                        ROOT + "collectives.bootstrap..",
                        ROOT + "collectives.elastic..",
                        ROOT + "collectives.hierarchy..",
                        ROOT + "collectives.link..",
                        ROOT + "collectives.shm..")
                .check(HOUSE);
    }

    @Test
    void sparkIsKnownOnlyByShuffleMlPluginAndIntegration() {
        noClasses()
                .that()
                .resideOutsideOfPackages(ROOT + "shuffle..", ROOT + "ml..", ROOT + "plugin..", ROOT + "integration..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..", "scala..")
                .check(HOUSE);
    }

    /** Each call takes a second: Spark sleeps that long between two looks. */
    @Test
    void nobodyWaitsInSparksOwnBarrier() {
        noClasses()
                .should()
                .callMethod(BarrierTaskContext.class, "barrier")
                .orShould()
                .callMethod(BarrierTaskContext.class, "allGather", String.class)
                .check(HOUSE);
    }

    @Test
    void foreignLibrariesLiveInOneRoomEach() {
        // Spark's ManagedBuffer hands itself to Netty, so the room that lends Spark buffers names it.
        livesOnlyIn("io.netty..", ROOT + "transfer..", ROOT + "gpu.memory..", ROOT + "shuffle");
        livesOnlyIn("com.sun.jna..", ROOT + "transfer.mooncake..", ROOT + "gpu.driver..");
        livesOnlyIn("jcuda..", ROOT + "gpu..");
        livesOnlyIn("jdk.incubator..", ROOT + "collectives.algorithm..");
        livesOnlyIn("sun.misc..", ROOT + "transfer.memory..");
        livesOnlyIn("jdk.internal..", "nowhere");
    }

    private static void livesOnlyIn(String library, String... rooms) {
        noClasses()
                .that()
                .resideOutsideOfPackages(rooms)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(library)
                .check(HOUSE);
    }

    @Test
    void roomsAndPackagesHaveNoCycle() {
        slices().matching(ROOT + "(*)..").should().beFreeOfCycles().check(HOUSE);
        slices().matching(ROOT + "(**)").should().beFreeOfCycles().check(HOUSE);
    }

    @Test
    void packagesAreNamedAfterWhatTheyHold() {
        noClasses()
                .should()
                .resideInAnyPackage(
                        "..util..",
                        "..utils..",
                        "..common..",
                        "..helper..",
                        "..helpers..",
                        "..misc..",
                        "..impl..",
                        "..base..",
                        "..info..",
                        "..data..",
                        "..manager..",
                        "..internal..")
                .check(HOUSE);
    }

    @Test
    void everyPackageIsNullMarked() {
        classes()
                .that()
                .haveSimpleName("package-info")
                .should()
                .beAnnotatedWith("org.jspecify.annotations.NullMarked")
                .check(HOUSE);
    }

    @Test
    void weStayOutOfForeignPackages() {
        classes().should().resideInAPackage("io.sparkmooncake..").check(HOUSE);
    }

    @Test
    void classesAreClosedForExtension() {
        classes()
                .that()
                .areNotInterfaces()
                .and()
                .areNotEnums()
                .and()
                .areNotAnonymousClasses()
                .should(beFinalAbstractOrSealed())
                .check(HOUSE);
    }

    @Test
    void thereIsNoStaticMutableState() {
        fields().that().areStatic().should(holdNoState()).check(HOUSE);
    }

    private static ArchCondition<JavaClass> beFinalAbstractOrSealed() {
        return new ArchCondition<>("be final, abstract or sealed") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                boolean closed = type.getModifiers().contains(JavaModifier.FINAL)
                        || type.getModifiers().contains(JavaModifier.ABSTRACT)
                        || type.reflect().isSealed();
                if (!closed && !MAY_BE_EXTENDED.contains(type.getName())) {
                    events.add(SimpleConditionEvent.violated(
                            type, type.getName() + " is open for extension: make it final, abstract or sealed"));
                }
            }
        };
    }

    private static ArchCondition<JavaField> holdNoState() {
        return new ArchCondition<>("hold no state") {
            @Override
            public void check(JavaField field, ConditionEvents events) {
                String name = field.getOwner().getName() + "#" + field.getName();
                if (!MAY_BE_STATIC_STATE.contains(name) && mayChange(field)) {
                    events.add(SimpleConditionEvent.violated(
                            field, name + " is static state: give it to an object that someone creates and closes"));
                }
            }
        };
    }

    /** A non-final field, or a final one of a type that exists to be changed; immutable collections pass by interface. */
    private static boolean mayChange(JavaField field) {
        JavaClass type = field.getRawType();
        return !field.getModifiers().contains(JavaModifier.FINAL)
                || (!type.isInterface() && MUTABLE.stream().anyMatch(type::isAssignableTo))
                || (type.isInterface() && type.getPackageName().equals("java.util.concurrent"));
    }
}
