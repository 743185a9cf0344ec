// Package rest is Kafka Connect's REST interface (CW section 1): routes, status codes,
// bodies and error bodies. It decides nothing about connectors; that is the [Herder], which
// the daemon implements.
package rest
