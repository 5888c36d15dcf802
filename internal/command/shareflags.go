package command

import (
	"errors"
	"flag"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/podhop/podhop/engine"
)

// registerShare adds the flags of what one session may use.
func registerShare(fs *flag.FlagSet, c *engine.Config) {
	fs.Func("session-memory", "how much `memory` all pods of a session may use together, as 512Mi or 4Gi, or none for no limit (default half of the machine's)", func(text string) error {
		if text == "none" {
			c.SessionMemory = -1
			return nil
		}
		q, err := resource.ParseQuantity(text)
		if err == nil && q.Value() < 256<<20 {
			err = errors.New("must be at least 256Mi")
		}
		c.SessionMemory = q.Value()
		return err
	})
	fs.Func("session-cpu", "how many `cores` all pods of a session may use together, as 500m or 2, or none for no limit (default half of the machine's, and at least 1)", func(text string) error {
		if text == "none" {
			c.SessionCPU = -1
			return nil
		}
		q, err := resource.ParseQuantity(text)
		if err == nil && q.MilliValue() < 100 {
			err = errors.New("must be at least 100m")
		}
		c.SessionCPU = q.AsApproximateFloat64()
		return err
	})
}
