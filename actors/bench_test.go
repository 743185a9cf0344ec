package actors

import (
	"context"
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// BenchmarkFrame measures what a frame costs on its way from Read to the offset tracker
// when neither source nor sink do anything. It does not depend on the rows in the frame: divide
// it by them to see what a row pays.
func BenchmarkFrame(b *testing.B) {
	for _, tables := range []int{1, 8} {
		b.Run(fmt.Sprintf("tables=%d", tables), func(b *testing.B) { benchFrames(b, tables) })
	}
}

func benchFrames(b *testing.B, tables int) {
	b.ReportAllocs()
	left := b.N
	names := make([]string, tables)
	for i := range names {
		names[i] = fmt.Sprintf("shop.t%d", i)
	}
	position := at("s", 1)
	end := make(chan struct{})
	src := &fakeSource{read: func(ctx context.Context) (*records.Frame, error) {
		if left == 0 {
			close(end)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		left--
		f := &records.Frame{Position: position, Batches: make([]*records.Batch, tables), SourceMillis: 1}
		for i := range f.Batches {
			f.Batches[i] = records.NewBatch(records.Origin{Table: names[i]})
			f.Batches[i].Records = append(f.Batches[i].Records, records.Record{})
		}
		return f, nil
	}}
	sink := &fakeSink{write: func(_ context.Context, batch *records.Batch, done deliver.Done) error {
		batch.Release()
		done(nil)
		return nil
	}}
	records.Poison.Store(false)
	defer records.Poison.Store(true)
	sys := New(Options{})
	if err := sys.Start(Connector{Name: "c", Tasks: []Task{{Build: parts(Parts{Source: src, Sink: sink, Offsets: &memoryOffsets{}})}}}); err != nil {
		b.Fatal(err)
	}
	<-end
	if err := sys.Stop(context.Background(), "c"); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := sys.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := New(Options{}).Shutdown(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
