package cluster

import (
	"syscall"
	"time"
	"unsafe"
)

// bootClock is CLOCK_BOOTTIME: it goes on while the process is stopped and while the machine
// sleeps, and nobody sets it. The monotonic clock of package time stands still in the second
// case, the wall clock jumps.
func bootClock() time.Duration {
	const clockBootTime = 7
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBootTime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return monotonic()
	}
	return time.Duration(ts.Nano())
}
