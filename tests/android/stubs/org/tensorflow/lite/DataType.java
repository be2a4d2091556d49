package org.tensorflow.lite;

/** See Interpreter.java. */
public enum DataType { FLOAT32, INT32, UINT8, INT64, STRING, BOOL, INT16, INT8, INT4, BFLOAT16 }
