package protobuf

import (
	"encoding/base64"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// rawDescriptor is a schema as clients in other languages register it.
func rawDescriptor(t testing.TB) []byte {
	t.Helper()
	f, err := compile(&options{}, registry.Schema{Text: `syntax = "proto3"; package p; import "google/protobuf/timestamp.proto";
message M { enum Color { RED = 0; BLUE = 5; } Color color = 1; oneof pick { string word = 2; int32 num = 3; } optional int32 maybe = 4;
  map<int32, Color> by = 5; google.protobuf.Timestamp at = 6; repeated sint64 list = 7; M2 other = 8; } message M2 { bool b = 1; }`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(protodesc.ToFileDescriptorProto(f.root))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A schema in base64, with references in either form, is read like its text.
func TestRead_DescriptorsInBase64(t *testing.T) {
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	f, err := compile(&options{}, registry.Schema{Text: base64.StdEncoding.EncodeToString(rawDescriptor(t))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.at([]int{0})
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.plan.read(b, []byte{8, 5, 24, 7, 32, 0, 58, 2, 1, 2}, 0)
	if want := "{color=BLUE,pick={word=null,num=7},maybe=0,by=map[],at=null,list=[-1 1],other=null}"; err != nil || show(b, r.schema, v) != want {
		t.Errorf("read %s %v, want %s", show(b, r.schema, v), err, want)
	}
	for name, bad := range map[string]string{"no descriptor": "AAAA", "empty": "", "without its import": base64.StdEncoding.EncodeToString([]byte("\x1a\x07x.proto"))} {
		if f, err := compile(&options{}, registry.Schema{Text: bad}, nil); err == nil {
			if _, err := f.at([]int{0}); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	}
}

func FuzzDescriptor(f *testing.F) {
	f.Add(rawDescriptor(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := compile(&options{}, registry.Schema{Text: base64.StdEncoding.EncodeToString(raw)}, nil)
		if err != nil {
			return
		}
		r, err := file.at([]int{0})
		if err != nil {
			return
		}
		b := records.NewBatch(records.Origin{})
		defer b.Release()
		if v, err := r.plan.read(b, raw, 0); err == nil {
			show(b, r.schema, v)
		}
	})
}
