// Plays Java for measure.c: arrays of whole numbers, and nothing else of JNI.

#include <jni.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

jint Java_org_edgebench_app_measure_Native_pin(JNIEnv*, jclass, jintArray);
jintArray Java_org_edgebench_app_measure_Native_allowed(JNIEnv*, jclass);
jint Java_org_edgebench_app_measure_Native_core(JNIEnv*, jclass);
jlong Java_org_edgebench_app_measure_Native_cpuTime(JNIEnv*, jclass);
jlong Java_org_edgebench_app_measure_Native_cpuTimeResolution(JNIEnv*, jclass);

typedef struct {
  jsize length;
  jint items[1024];
} Array;

static jsize length(JNIEnv* env, jarray array) {
  (void)env;
  return ((Array*)array)->length;
}

static jintArray make(JNIEnv* env, jsize count) {
  (void)env;
  Array* made = calloc(1, sizeof(Array));
  made->length = count;
  return (jintArray)made;
}

static void get(JNIEnv* env, jintArray array, jsize start, jsize count, jint* into) {
  (void)env;
  memcpy(into, ((Array*)array)->items + start, count * sizeof(jint));
}

static void set(JNIEnv* env, jintArray array, jsize start, jsize count, const jint* from) {
  (void)env;
  memcpy(((Array*)array)->items + start, from, count * sizeof(jint));
}

// Prints as JSON what each function gives; the arguments are the cores to pin to.
int main(int count, char** words) {
  struct JNINativeInterface_ functions = {0};
  functions.GetArrayLength = length;
  functions.NewIntArray = make;
  functions.GetIntArrayRegion = get;
  functions.SetIntArrayRegion = set;
  JNIEnv table = &functions;
  Array cores = {.length = count - 1};
  for (int place = 1; place < count; place++) cores.items[place - 1] = atoi(words[place]);
  jlong before = Java_org_edgebench_app_measure_Native_cpuTime(&table, NULL);
  jint error = Java_org_edgebench_app_measure_Native_pin(&table, NULL, (jintArray)&cores);
  volatile double sum = 0;
  for (int step = 0; step < 2000000; step++) sum += step;
  jlong used = Java_org_edgebench_app_measure_Native_cpuTime(&table, NULL) - before;
  Array* allowed = (Array*)Java_org_edgebench_app_measure_Native_allowed(&table, NULL);
  printf("{\"error\": %d, \"used\": %lld, \"resolution\": %lld, \"core\": %d, \"allowed\": [", error,
         (long long)used, (long long)Java_org_edgebench_app_measure_Native_cpuTimeResolution(&table, NULL),
         Java_org_edgebench_app_measure_Native_core(&table, NULL));
  for (jsize place = 0; place < allowed->length; place++) {
    printf(place ? ", %d" : "%d", allowed->items[place]);
  }
  printf("]}\n");
  return 0;
}
