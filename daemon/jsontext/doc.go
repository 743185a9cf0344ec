// Package jsontext reads and writes JSON as Kafka Connect's Jackson does: members keep their
// order, nothing is escaped for HTML, numbers have Java's text form (CW-303, CW-304, CW-450).
// The REST answers and the internal topics are made with it. It is for the control plane;
// rows have their own encoders.
package jsontext
