package mysql

import (
	"os"
	"testing"

	"github.com/anabranch/anabranch/records"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true) // late readers of a released batch fail loudly
	os.Exit(m.Run())
}
