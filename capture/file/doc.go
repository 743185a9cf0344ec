// Package file is the FileStream source (org.apache.kafka.connect.file.FileStreamSourceConnector,
// SF rows): each line of a file, or of standard input, becomes one record with a string value.
//
// Differences from Kafka's, on purpose: positions count bytes, not decoded characters, so that
// a file with multi-byte characters resumes where it stopped (SF-025); a file that was truncated
// or replaced is read from its start with a warning instead of waiting for ever (SF-026).
package file
