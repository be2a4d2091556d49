import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

val withOnnxRuntime = providers.gradleProperty("edgebench.onnxruntime").orNull.orEmpty().isNotEmpty()
val withNative = providers.gradleProperty("edgebench.native").orNull.toBoolean()

android {
    namespace = "org.edgebench.app"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.edgebench.app"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
            // A key of your own comes here; this one is for trying the release build out.
            signingConfig = signingConfigs.getByName("debug")
        }
    }

    if (withNative) {
        externalNativeBuild {
            cmake {
                path = file("src/main/cpp/CMakeLists.txt")
            }
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    androidResources {
        // LiteRT maps models into memory.
        noCompress += "tflite"
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_11
        allWarningsAsErrors = true
    }
}

dependencies {
    implementation(project(":core"))
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    if (withOnnxRuntime) {
        runtimeOnly(project(":ort"))
    }
}
