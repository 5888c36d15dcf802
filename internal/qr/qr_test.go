package qr

import (
	"encoding/xml"
	"image"
	"image/color"
	"image/draw"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// read takes the picture as a browser draws it, at some pixels a module, and reads it by another library
// than it was made by.
func read(t *testing.T, svg []byte) string {
	t.Helper()
	var doc struct {
		ViewBox string `xml:"viewBox,attr"`
		Paths   []struct {
			Fill string `xml:"fill,attr"`
			D    string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(svg, &doc); err != nil {
		t.Fatalf("%v in %s", err, svg)
	}
	size, err := strconv.Atoi(strings.Fields(doc.ViewBox)[2])
	if err != nil || len(doc.Paths) != 2 || doc.Paths[0].Fill != "#fff" || doc.Paths[1].Fill != "" {
		t.Fatalf("%v in %s", err, svg)
	}
	const scale = 4
	picture := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllStringSubmatch(doc.Paths[1].D, -1) {
		var n [3]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		if n[0] < quiet || n[1] < quiet || n[0]+n[2] > size-quiet || n[1] >= size-quiet {
			t.Errorf("%s is in the quiet zone", m[0])
		}
		draw.Draw(picture, image.Rect(n[0]*scale, n[1]*scale, (n[0]+n[2])*scale, (n[1]+1)*scale), image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatalf("it cannot be read: %v", err)
	}
	return result.GetText()
}

func TestSVG(t *testing.T) {
	for _, text := range []string{
		"http://localhost:8080/join/BCD-FGH", "HTTPS://PODHOP.EXAMPLE/JOIN/BCD-FGH", "https://[2001:db8::1]:8443/a/base/path/join/XYZ-WVT",
		"https://schulungen.müller.example/join/QRS-TVW", "7", strings.Repeat("https://podhop.example/", 40),
	} {
		svg, err := SVG(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, svg); got != text {
			t.Errorf("it reads %q, want %q", got, text)
		}
	}
	if svg, err := SVG(strings.Repeat("x", 3000)); err == nil {
		t.Errorf("what is too long is a code of %d bytes", len(svg))
	}
}
