package nsexec_test

import (
	"testing"

	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.MainOrStage(m) }
