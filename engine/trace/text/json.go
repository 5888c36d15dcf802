package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/printable"
)

// JSON is a journey in one line, with a newline at its end, as the API has it. What
// could steer a terminal is escaped, as JSON lets one: it means the same.
func JSON(j *model.Journey) ([]byte, error) {
	var plain, b bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(j); err != nil {
		return nil, err
	}
	for _, r := range string(bytes.TrimSuffix(plain.Bytes(), []byte("\n"))) {
		if !printable.Steers(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
