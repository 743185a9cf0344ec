// Package javatext reads texts the way Java and Connect's Values class do (CW-329 to CW-332,
// CW-462), and prints times as SimpleHeaderConverter does. The converters and the transforms
// share it. How Java prints numbers is in the room above.
package javatext
