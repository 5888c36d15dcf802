package command

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/podhop/podhop/server/shelf"
)

// quotaFlag is a flag's value: "20:64Mi", twenty of 64 MiB together, or "off".
type quotaFlag struct{ *shelf.Quota }

// String is what Set understands.
func (q quotaFlag) String() string {
	switch {
	case q.Quota == nil:
		return ""
	case *q.Quota == shelf.Quota{}:
		return "off"
	}
	return strconv.Itoa(q.Files) + ":" + resource.NewQuantity(q.Bytes, resource.BinarySI).String()
}

// Set implements flag.Value.
func (q quotaFlag) Set(text string) error {
	if text == "off" {
		*q.Quota = shelf.Quota{}
		return nil
	}
	number, size, _ := strings.Cut(text, ":")
	n, err1 := strconv.Atoi(number)
	bytes, err2 := resource.ParseQuantity(size)
	if err1 != nil || err2 != nil || n < 1 || bytes.Value() < 1 {
		return fmt.Errorf("must be as 20:64Mi, twenty of 64 MiB together, or off, not %q", text)
	}
	*q.Quota = shelf.Quota{Files: n, Bytes: bytes.Value()}
	return nil
}
