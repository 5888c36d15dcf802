package keep_test

import (
	"testing"

	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/keep/keeptest"
)

func TestMemory(t *testing.T) {
	keeptest.Run(t, func(*testing.T) (a, b keep.Store) {
		m := keep.Memory()
		return m, m
	})
}
