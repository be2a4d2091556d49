// What Java on Android does not offer to a measurement: cores, and the clock of CPU time.
// The functions are those of org.edgebench.app.measure.Native.

#define _GNU_SOURCE
#include <errno.h>
#include <jni.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>

// Runs the calling thread, and those that it makes from now on, on these cores alone. Returns 0 or errno.
JNIEXPORT jint JNICALL
Java_org_edgebench_app_measure_Native_pin(JNIEnv* env, jclass self, jintArray cores) {
  (void)self;
  cpu_set_t set;
  CPU_ZERO(&set);
  jsize count = (*env)->GetArrayLength(env, cores);
  for (jsize place = 0; place < count; place++) {
    jint core;
    (*env)->GetIntArrayRegion(env, cores, place, 1, &core);
    if (core < 0 || core >= CPU_SETSIZE) return EINVAL;
    CPU_SET(core, &set);
  }
  if (sched_setaffinity(0, sizeof(set), &set) != 0) return errno;
  // A core that is off or not allowed is left out silently where another remains.
  cpu_set_t got;
  CPU_ZERO(&got);
  if (sched_getaffinity(0, sizeof(got), &got) != 0) return errno;
  return CPU_EQUAL(&set, &got) ? 0 : EINVAL;
}

// The cores on which the calling thread may run, or null.
JNIEXPORT jintArray JNICALL
Java_org_edgebench_app_measure_Native_allowed(JNIEnv* env, jclass self) {
  (void)self;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return NULL;
  jintArray found = (*env)->NewIntArray(env, CPU_COUNT(&set));
  if (found == NULL) return NULL;
  jsize place = 0;
  for (jint core = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &set)) (*env)->SetIntArrayRegion(env, found, place++, 1, &core);
  }
  return found;
}

// The core of the calling thread, or -1.
JNIEXPORT jint JNICALL
Java_org_edgebench_app_measure_Native_core(JNIEnv* env, jclass self) {
  (void)env;
  (void)self;
  return sched_getcpu();
}

static jlong nanoseconds(const struct timespec* time) {
  return (jlong)time->tv_sec * 1000000000 + time->tv_nsec;
}

// The CPU time of all threads of the process, in nanoseconds.
JNIEXPORT jlong JNICALL
Java_org_edgebench_app_measure_Native_cpuTime(JNIEnv* env, jclass self) {
  (void)env;
  (void)self;
  struct timespec time;
  return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 ? nanoseconds(&time) : -1;
}

// The resolution of that clock in nanoseconds, or -1 without it.
JNIEXPORT jlong JNICALL
Java_org_edgebench_app_measure_Native_cpuTimeResolution(JNIEnv* env, jclass self) {
  (void)env;
  (void)self;
  struct timespec time;
  return clock_getres(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 ? nanoseconds(&time) : -1;
}
