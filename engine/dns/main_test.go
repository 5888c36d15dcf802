package dns

import (
	"testing"

	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.TestMain(m) }
