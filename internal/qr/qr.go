// Package qr draws addresses as QR codes (ISO/IEC 18004), to be read off a screen or paper by a telephone's
// camera. It must not know what they lead to.
package qr

import (
	"fmt"
	"image"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is how many modules around the code are light, so that it is found.
const quiet = 4

// SVG is the code of a text as a picture of any size: dark on light, whatever is around it. It fails if the text is too
// long, which is beyond 2,331 bytes.
func SVG(text string) ([]byte, error) {
	// M bears that an eighth of it cannot be read, as where somebody stands in front of the wall.
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("a QR code: %w", err)
	}
	size := code.Bounds().Dx() + 2*quiet
	var dark strings.Builder
	for y := range code.Bounds().Dy() {
		for x := 0; x < code.Bounds().Dx(); {
			from := x
			for x < code.Bounds().Dx() && isDark(code, x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&dark, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
			x++
		}
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, size, size, size, size, dark.String()), nil
}

func isDark(code image.Image, x, y int) bool {
	r, _, _, _ := code.At(x, y).RGBA()
	return r == 0
}
