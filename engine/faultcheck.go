package engine

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
)

// parseFault reads an ID: which kind of fault it is of, and of what.
func parseFault(id string) (model.Fault, error) {
	f := model.Fault{ID: id}
	kind, rest, _ := strings.Cut(id, ".")
	of, name, _ := strings.Cut(rest, ".")
	f.Kind = kind
	switch {
	case id == faultDNS:
		f.Target = vertexDNS
	case kind == faultLink && rest == network.VertexClient:
		f.Target = network.VertexClient
	case (kind == faultLink || kind == faultCut || kind == faultStop) && of == "node" && name != "":
		f.Target = network.NodeVertex(name)
	case kind == faultLink && of == "pod" && strings.Contains(name, "."):
		f.Target = network.PodVertex(strings.Replace(name, ".", "/", 1)) // namespaces have no dots
	default:
		return f, fmt.Errorf("fault %s: %w: there are link.node.NAME, link.pod.NAMESPACE.NAME, link.client, cut.node.NAME, stop.node.NAME and dns", id, model.ErrNotFound)
	}
	return f, nil
}

// checkFault says which setting cannot be.
func checkFault(f model.Fault) error {
	field := func(name, format string, args ...any) error {
		return &model.FieldError{Field: name, Detail: fmt.Sprintf(format, args...)}
	}
	set := f.Settings
	if f.Kind == faultCut || f.Kind == faultStop {
		if set != (model.FaultSettings{}) {
			return field("id", "is of a fault that has no settings")
		}
		return nil
	}
	switch {
	case set.Direction != "" && (set.Direction != "in" && set.Direction != "out" || f.Kind == faultDNS):
		return field("direction", "must be in or out of a link, or empty for both")
	case set.Loss < 0 || set.Loss > 100 || set.Loss > 0 && set.Loss < 0.1:
		return field("loss", "must be between 0.1 and 100 percent, or 0")
	case set.DelayMS < 0 || set.DelayMS > maxDelay:
		return field("delayMs", "must be between 0 and %d", maxDelay)
	case set.JitterMS < 0 || set.JitterMS > set.DelayMS:
		return field("jitterMs", "must be between 0 and delayMs")
	case set.RateKbit != 0 && (set.RateKbit < minRate || set.RateKbit > maxRate):
		return field("rateKbit", "must be between %d and %d, or 0", minRate, maxRate)
	case f.Kind == faultDNS && (set.JitterMS != 0 || set.RateKbit != 0):
		return field("id", "is of a fault that has loss and delayMs alone")
	case set.Loss == 0 && set.DelayMS == 0 && set.RateKbit == 0:
		return field("loss", "or delayMs must be set, or there is no fault")
	}
	return nil
}

// faultText says what is broken, for the map.
func faultText(f model.Fault) string {
	switch f.Kind {
	case faultCut:
		return "cut off"
	case faultStop:
		return "stopped"
	}
	var parts []string
	if f.Settings.Loss > 0 {
		parts = append(parts, fmt.Sprintf("%g%% loss", f.Settings.Loss))
	}
	if f.Settings.DelayMS > 0 {
		delay := fmt.Sprintf("%d ms", f.Settings.DelayMS)
		if f.Settings.JitterMS > 0 {
			delay += fmt.Sprintf(" ± %d ms", f.Settings.JitterMS)
		}
		parts = append(parts, delay)
	}
	switch {
	case f.Settings.RateKbit >= 1000:
		parts = append(parts, fmt.Sprintf("%g Mbit/s", float64(f.Settings.RateKbit)/1000))
	case f.Settings.RateKbit > 0:
		parts = append(parts, fmt.Sprintf("%d kbit/s", f.Settings.RateKbit))
	}
	text := strings.Join(parts, ", ")
	if f.Settings.Direction != "" {
		text += ", " + f.Settings.Direction
	}
	return text
}
