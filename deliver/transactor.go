package deliver

import "context"

// OffsetRecord is a source offset as a Transactor writes it, in the same transaction as the rows
// that it stands for (CW-272).
type OffsetRecord struct {
	Topic      string
	Key, Value []byte
}

// Transactor is implemented by sinks that can make rows and their offsets durable as one act.
// Such a sink opens a transaction with the first Write after a Commit, by itself.
//
// Commit is called when every earlier Write is done, never beside a Write. It writes the offsets
// and ends the transaction: with nil, readers of committed records see all of it; with an error
// nobody knows, until another incarnation of the sink has opened, what has become of it, and this
// one takes no more. Without rows it writes the offsets alone, without both it does nothing.
// Close gives an open transaction up.
type Transactor interface {
	Sink
	Commit(ctx context.Context, offsets []OffsetRecord) error
}
