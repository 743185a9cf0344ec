// Package file is the FileStream sink (org.apache.kafka.connect.file.FileStreamSinkConnector,
// SF-030..032): each record's value is appended as one line in Java's string form.
//
// Differences from Kafka's, on purpose: a batch is on disk before its offsets are committed
// (Kafka flushes to the operating system only); a blob is written as base64, where Java
// writes the identity of an array object.
package file
