// Package javatime prints and reads times the way java.text.SimpleDateFormat does in UTC and
// English, which TimestampConverter and TimestampRouter show to users (CW-453): every pattern
// letter, leniently read numbers, the Julian calendar before 15 October 1582.
//
// It does not know the names of all time zones: 'z' reads GMT and UTC, offsets and the
// abbreviations in zone.go. It has no other languages: Java takes the machine's.
package javatime
