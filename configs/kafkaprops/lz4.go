package kafkaprops

import (
	"bytes"
	"sync"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lz4Compressor writes the frames that Java's producer writes: independent blocks of 64 KiB
// and no content checksum. The client's own writer keeps two buffers of 4 MiB each, for
// every batch that is compressed at the same time.
type lz4Compressor struct{ pool sync.Pool }

// javaLZ4Default is the level at which Java's producer uses the fast compressor.
const javaLZ4Default = 9

var lz4Levels = [...]lz4.CompressionLevel{lz4.Fast, lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4, lz4.Level5,
	lz4.Level6, lz4.Level7, lz4.Level8, lz4.Level9}

func newLZ4(level int) *lz4Compressor {
	l := lz4.Fast
	if level != javaLZ4Default {
		l = lz4Levels[min(max(level, 1), len(lz4Levels)-1)]
	}
	c := &lz4Compressor{}
	c.pool.New = func() any {
		w := lz4.NewWriter(nil)
		// The options are constants that the library knows; they cannot fail.
		_ = w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1), lz4.CompressionLevelOption(l))
		return w
	}
	return c
}

// Compress implements kgo.Compressor.
func (c *lz4Compressor) Compress(dst *bytes.Buffer, src []byte, _ ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	w := c.pool.Get().(*lz4.Writer)
	defer c.pool.Put(w)
	w.Reset(dst)
	if _, err := w.Write(src); err != nil {
		return nil, kgo.CodecError
	}
	if err := w.Close(); err != nil {
		return nil, kgo.CodecError
	}
	return dst.Bytes(), kgo.CodecLz4
}
