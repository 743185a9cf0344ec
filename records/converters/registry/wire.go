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

// LongHeaderSize is the size of the head with Apicurio's ids of 8 bytes.
const LongHeaderSize = 9

// AppendLongHeader appends the head of a message of Apicurio's default form.
func AppendLongHeader(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, magic), uint64(id))
}

// SplitLongHeader is SplitHeader for ids of 8 bytes.
func SplitLongHeader(data []byte) (id uint32, payload []byte, err error) {
	switch {
	case len(data) == 0 || data[0] != magic:
		return 0, nil, Dataf("Unknown magic byte!")
	case len(data) < LongHeaderSize:
		return 0, nil, Dataf("Error deserializing message: it ends within the schema id")
	}
	long := binary.BigEndian.Uint64(data[1:])
	if long > 1<<32-1 {
		return 0, nil, Dataf("schema ids beyond 32 bits are not supported; were the messages written with apicurio.registry.as-confluent=true?")
	}
	return uint32(long), data[LongHeaderSize:], nil
}
