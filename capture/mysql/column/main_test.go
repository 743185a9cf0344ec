package column

import (
	"os"
	"testing"

	"github.com/anabranch/anabranch/records"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}
