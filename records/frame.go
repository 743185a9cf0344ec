package records

// Frame is what a Source hands over: the batches of one stretch of its log and the one
// position from which reading can resume after all of them. A frame without batches is a
// heartbeat: it moves the position on. Frames are cut by rows, bytes, time or a DDL, and
// never mix two schema versions of one table (invariant 6).
type Frame struct {
	Batches  []*Batch
	Position Position
	// SourceMillis is the time at the source of the newest change that was read, also when
	// it was filtered out; 0 if unknown. It feeds the lag metric.
	SourceMillis int64
}

// SizeBytes is the memory that the frame's batches hold, for the budget.
func (f *Frame) SizeBytes() int64 {
	var n int64
	for _, b := range f.Batches {
		n += b.SizeBytes()
	}
	return n
}

// Rows counts the records of all batches.
func (f *Frame) Rows() int {
	n := 0
	for _, b := range f.Batches {
		n += len(b.Records)
	}
	return n
}

// Release releases every batch; for frames that are thrown away.
func (f *Frame) Release() {
	for _, b := range f.Batches {
		b.Release()
	}
	f.Batches = nil
}
