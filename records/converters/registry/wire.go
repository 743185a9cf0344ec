package registry

import "encoding/binary"

// The wire format: a zero byte and the schema id, then the payload (CW-335).
const (
	magic      = 0
	HeaderSize = 5
)

// AppendHeader appends the head of a message.
func AppendHeader(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, magic), id)
}

// SplitHeader returns a message's schema id and payload.
func SplitHeader(data []byte) (id uint32, payload []byte, err error) {
	switch {
	case len(data) == 0:
		return 0, nil, Dataf("Error deserializing message: it is empty")
	case data[0] != magic:
		return 0, nil, Dataf("Unknown magic byte!")
	case len(data) < HeaderSize:
		return 0, nil, Dataf("Error deserializing message: it ends within the schema id")
	}
	return binary.BigEndian.Uint32(data[1:]), data[HeaderSize:], nil
}
