// Package javametrics keeps statistics as Kafka's Java clients and the Connect worker keep them
// (CW-376 to CW-388), so that dashboards written for those show the same kind of numbers: beans with
// attributes, and rates, averages and maxima over a sliding window of samples
// (metrics.sample.window.ms, metrics.num.samples, CW-96).
package javametrics
