pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "edgebench"
include(":core", ":app")

// ONNX Runtime is no part of the app unless gradle.properties names one of its packages.
if (providers.gradleProperty("edgebench.onnxruntime").orNull.orEmpty().isNotEmpty()) {
    include(":ort")
}
