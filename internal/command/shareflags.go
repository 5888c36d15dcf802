package command

import (
	"errors"
	"flag"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/podhop/podhop/engine"
)

// registerShare adds the flags of what one session may use, and of what happens if it does.
func registerShare(fs *flag.FlagSet, c *engine.Config) {
	fs.DurationVar(&c.Patience, "cpu-patience", 15*time.Minute, "how long a session may use all its CPU time without a pause until the container that uses most of it is stopped; 0 is for ever")
	fs.Float64Var(&c.PressureMost, "max-cpu-pressure", 0, "`percentage` of the last minute in which something waited for a core (/proc/pressure/cpu) from which on no more sessions are opened; 0 is none")
	fs.IntVar(&c.MaxBreaches, "max-breaches", 10, "`number` of times that containers of a session may break a rule within an hour until the session is ended; 0 is for ever")
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
