package command

import (
	"testing"

	"github.com/podhop/podhop/server/shelf"
)

func TestQuotaFlag(t *testing.T) {
	var q shelf.Quota
	f := quotaFlag{&q}
	for text, want := range map[string]shelf.Quota{"20:64Mi": {Files: 20, Bytes: 64 << 20}, "off": {}, "1:1": {Files: 1, Bytes: 1}} {
		if err := f.Set(text); err != nil || q != want || f.String() != text {
			t.Errorf("%s: %+v, %v, %s", text, q, err, f)
		}
	}
	for _, text := range []string{"", "20", ":64Mi", "0:64Mi", "-1:1Gi", "x:1Gi", "20:", "20:many", "20:-1"} {
		if err := f.Set(text); err == nil {
			t.Errorf("%q is taken: %+v", text, q)
		}
	}
}
