package killercoda

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/podhop/podhop/lessons"
)

func TestCourse(t *testing.T) {
	lib, errs := lessons.Load(os.DirFS("testdata/course"), Format{})
	for _, err := range errs {
		t.Error(err)
	}
	if len(lib.Lessons) != 2 {
		t.Fatalf("%d lessons", len(lib.Lessons))
	}
	l := lib.Lessons[0]
	if l.Slug != "first-service" || l.Title != "A first Service" || l.Course != "Services, by hand" || l.Minutes != 10 || l.Level != "beginner" || l.Options.Nodes != 2 {
		t.Errorf("lesson %+v", l)
	}
	var titles []string
	for _, s := range l.Steps {
		titles = append(titles, s.Title)
	}
	if want := []string{"A first Service", "Run it", "Reach it", "Done"}; !slices.Equal(titles, want) {
		t.Errorf("steps %q", titles)
	}
	intro, first := l.Steps[0], l.Steps[1]
	if !strings.HasPrefix(intro.Foreground, "echo \"Preparing") || !strings.Contains(intro.Background, "touch /tmp/prepared") || len(intro.Commands) != 0 {
		t.Errorf("intro %+v", intro)
	}
	const image = "first-service/assets/way.png"
	if !strings.Contains(string(intro.HTML), `src="/lessons/first-service/files/`+image+`"`) {
		t.Errorf("intro %s", intro.HTML)
	}
	if data, err := l.Files.Read(image); err != nil || !strings.HasPrefix(string(data), "\x89PNG") {
		t.Errorf("image %q %v", data, err)
	}
	for _, hidden := range []string{"first-service/step1/verify.sh", "first-service/index.json", "first-service/assets/hello.sh", "../course/structure.json"} {
		if _, err := l.Files.Read(hidden); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s can be read: %v", hidden, err)
		}
	}
	want := []string{"kubectl -n shop run web --image=nginx --port=80",
		"kubectl -n shop wait --for=condition=Ready pod/web --timeout=120s\nkubectl -n shop get pods -o wide"}
	if !slices.Equal(first.Commands, want) {
		t.Errorf("commands %q", first.Commands)
	}
	if !slices.Equal(l.Folders(), []string{"/opt/shop", "~/"}) {
		t.Errorf("folders %q", l.Folders())
	}
	for folder, file := range map[string]struct {
		name string
		mode fs.FileMode
	}{"/opt/shop": {"service.yaml", 0o640}, "~/": {"hello.sh", 0o755}} {
		files, err := l.AssetsOf(folder)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := fs.Stat(files, file.name); err != nil || info.Mode() != file.mode {
			t.Errorf("%s: %v %v", file.name, info, err)
		}
	}

	l = lib.Lessons[1]
	if l.Title != "The shop does not answer" || l.Options.Nodes != 1 || !strings.HasPrefix(l.Steps[0].Background, "kubectl create deployment shop") || len(l.Steps) != 2 || l.Steps[1].Title != "Step 1" {
		t.Errorf("lesson %+v", l)
	}
	if html := string(l.Steps[0].HTML); !strings.Contains(html, "<code>node-1</code>") || !strings.Contains(html, "<p>Somebody says") {
		t.Errorf("the nodes' names are not told: %s", html)
	}
}

const good = `{"title": "Good", "details": {"steps": [{"text": "1.md"}]}, "backend": {"imageid": "kubernetes-kubeadm-1node"}}`

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, index string
		files       map[string]string
		errors      []string
	}{
		{name: "nothing but a machine", index: `{"backend": {"imageid": "ubuntu"}}`},
		{name: "no intro and no finish", index: good},
		{name: "Windows", index: "\ufeff" + strings.ReplaceAll(good, ", ", ",\r\n")},
		{name: "what else authors write", index: `{"title": "T", "private": true, "details": {"steps": [{"title": 5, "text": "1.md", "foreground": null, "verify": ""}], "finish": {}}}`},
		{name: "broken", index: "{\n\"title\": \"T\",\n}", errors: []string{"x/index.json:3: invalid character '}'"}},
		{name: "cut off", index: "{\n\"title\": ", errors: []string{"x/index.json:2: unexpected end of JSON input"}},
		{name: "no object", index: "[1,\n2]", errors: []string{"x/index.json:2: must be an object"}},
		{name: "deep", index: strings.Repeat("[", 20000), errors: []string{"exceeded max depth"}},
		{name: "large", index: strings.Repeat(" ", largest+1), errors: []string{"x/index.json: it is larger than 1 MiB"}},
		{name: "missing files", index: "{\"details\": {\n\"intro\": {\"text\": \"intro.md\"},\n\"steps\": [\n{\"text\": \"1.md\",\n\"verify\": \"v.sh\", \"background\": \"b.sh\"},\n{\"title\": \"T\"}]}}",
			errors: []string{`x/index.json:2: "intro.md": there is no such file`, `x/index.json:5: "b.sh": there is no such file`, `x/index.json:5: "v.sh": there is no such file`, "x/index.json:6: a step must have a text"}},
		{name: "paths that lead out", index: "{\"details\": {\n\"intro\": {\"text\": \"../good/1.md\"}, \"steps\": [\n{\"text\": \"/etc/passwd\"},\n{\"text\": \"1.md\", \"foreground\": \"a/../../good/1.md\"},\n{\"text\": \"a\\\\1.md\"},\n{\"text\": \".\"}]}}",
			errors: []string{`x/index.json:2: "../good/1.md": must be a file inside`, `x/index.json:3: "/etc/passwd": must be a file inside`, `x/index.json:4: "a/../../good/1.md": must be a file inside`,
				`x/index.json:5: "a\\1.md": must be a file inside`, `x/index.json:6: ".": it is no file`}},
		{name: "images", index: good, files: map[string]string{"x/1.md": "a\n\n![no](./none.png) ![out](../../../etc/x.png) ![secret](../.git/a.png)\n\n[secret](../good/1.md) ![yes](../logo.png)"},
			errors: []string{`x/1.md:3: "./none.png": there is no such image`, `x/1.md:3: "../../../etc/x.png": there is no such image`, `x/1.md:3: "../.git/a.png": there is no such image`}},
		{name: "assets", index: "{\"details\": {\"assets\": {\"host01\": [\n{\"file\": \"../1.md\", \"target\": \"/root\"},\n{\"file\": \"none\", \"target\": \"/root\"},\n{\"file\": \"a.yaml\", \"target\": \"../etc\"},\n" +
			"{\"file\": \"a.yaml\", \"target\": \"/root/../etc\"},\n{\"file\": \"a.yaml\", \"target\": \"/root\", \"chmod\": \"; rm\"},\n{\"file\": \"a.yaml\"},\n{\"file\": \"*/../../1.md\", \"target\": \"/root\"},\n{\"file\": \"a.yaml\", \"target\": \"~/\"}]}}}",
			files: map[string]string{"x/assets/a.yaml": "a"},
			errors: []string{`x/index.json:2: "../1.md": must be a file inside`, `x/index.json:3: "none": there is no such file in assets`, `x/index.json:4: "../etc": must be a folder`, `x/index.json:5: "/root/../etc": must be a folder`,
				`x/index.json:6: "; rm": is not what chmod takes`, "x/index.json:7: an asset must have a file and a target", `x/index.json:8: "*/../../1.md": must be a file inside`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{"good/index.json": {Data: []byte(good)}, "good/1.md": {Data: []byte("x")}, "x/index.json": {Data: []byte(c.index)}, "x/1.md": {Data: []byte("x")},
				"logo.png": {Data: []byte("x")}, ".git/a.png": {Data: []byte("x")}}
			for name, text := range c.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			lib, errs := lessons.Load(fsys, Format{})
			if len(errs) != len(c.errors) {
				t.Fatalf("got %d errors, want %d: %v", len(errs), len(c.errors), errs)
			}
			for i, want := range c.errors {
				var e *lessons.Error
				if !errors.As(errs[i], &e) || !strings.Contains(errs[i].Error(), want) {
					t.Errorf("error %d is %q, want it to contain %q", i, errs[i], want)
				}
			}
			if _, ok := lib.Lesson("good"); !ok {
				t.Error("the good scenario did not load beside the bad one")
			}
			if _, ok := lib.Lesson("x"); ok != (len(c.errors) == 0) {
				t.Errorf("scenario x loaded: %v", ok)
			}
		})
	}
}

func TestCourses(t *testing.T) {
	scenario := &fstest.MapFile{Data: []byte(`{"title": "T"}`)}
	at := func(structure string, names ...string) fstest.MapFS {
		fsys := fstest.MapFS{}
		for _, n := range names {
			fsys[n+"/index.json"] = scenario
		}
		if structure != "" {
			fsys["structure.json"] = &fstest.MapFile{Data: []byte(structure)}
		}
		return fsys
	}
	nested := at(`{"items": [{"path": "b", "title": "The second"}, {"path": "a"}]}`, "a/y", "a/x", "b/deep/z", "none")
	nested["b/structure.json"] = &fstest.MapFile{Data: []byte(`{"title": "B", "items": [{"path": "deep/z", "title": "Z!"}, {"path": "../a/x", "description": "again"}]}`)}
	around := at(`{"items": [{"path": "a"}, {"path": "s"}]}`, "s")
	around["a/structure.json"] = &fstest.MapFile{Data: []byte("{\"items\": [\n{\"path\": \"../a\"},\n{\"path\": \"..\"}]}")}
	for _, c := range []struct {
		name string
		fsys fstest.MapFS
		want []string // slug, course, title
		errs []string
	}{
		{name: "folders", fsys: at("", "b/x", "a", "c/d/y", ".hidden/z"), want: []string{"a//T", "b-x/b/T", "c-d-y/d/T"}},
		{name: "order", fsys: at(`{"items": [{"path": "a"}, {"path": "b", "order": 2}, {"path": "c", "order": 1}]}`, "a", "b", "c"), want: []string{"c//T", "b//T", "a//T"}},
		{name: "nested", fsys: nested, want: []string{"b-z/The second/Z!", "b-x/The second/T", "a-x/a/T", "a-y/a/T"}},
		{name: "paths", fsys: at("{\"items\": [{\"path\": \"a\"},\n{\"path\": \"../out\"},\n{\"path\": \"/etc\"},\n{},\n{\"path\": \"none\"}]}", "a"), want: []string{"a//T"},
			errs: []string{`structure.json:2: "../out": must be a folder`, `structure.json:3: "/etc": must be a folder`, "structure.json:4: an item must have a path", `structure.json:5: "none": there is no scenario`}},
		{name: "in a circle", fsys: around, want: []string{"s//T"}, errs: []string{"this course is in itself", "this course is in itself"}},
		{name: "no items", fsys: at("{\n\"items\": []}", "a"), errs: []string{"structure.json:2: items: there must be at least one"}},
		{name: "names", fsys: at("", "01 Größe & Maß", "A_B"), want: []string{"01-gr-e-ma//T", "a-b//T"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lib, errs := lessons.Load(c.fsys, Format{})
			var got []string
			for _, l := range lib.Lessons {
				got = append(got, l.Slug+"/"+l.Course+"/"+l.Title)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(errs) != len(c.errs) {
				t.Fatalf("got %d errors, want %d: %v", len(errs), len(c.errs), errs)
			}
			for i, want := range c.errs {
				if !strings.Contains(errs[i].Error(), want) {
					t.Errorf("error %d is %q, want it to contain %q", i, errs[i], want)
				}
			}
		})
	}
}

// Links lead to whatever the server's user may read.
func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret.png")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	write("text/index.json", `{"details": {"steps": [{"text": "1.md"}]}}`)
	link(secret, "text/1.md")
	write("folder/index.json", `{"details": {"steps": [{"text": "in/secret.png"}]}}`)
	link(filepath.Dir(secret), "folder/in")
	write("image/index.json", `{"details": {"steps": [{"text": "1.md"}]}}`)
	write("image/1.md", "![x](secret.png)")
	link(secret, "image/secret.png")
	write("asset/index.json", `{"details": {"assets": {"host01": [{"file": "*", "target": "/root"}]}}}`)
	write("asset/assets/fine", "fine")
	link(secret, "asset/assets/secret.png")
	write("later/index.json", `{"details": {"steps": [{"text": "1.md"}]}}`)
	write("later/1.md", "![x](a.png)")
	write("later/a.png", "fine")

	lib, errs := lessons.Load(os.DirFS(dir), Format{})
	for i, want := range []string{`folder/index.json:1: "in/secret.png": it is a symbolic link`, `image/1.md:1: "secret.png": there is no such image`, `text/index.json:1: "1.md": it is a symbolic link`} {
		if len(errs) != 3 || !strings.Contains(errs[i].Error(), want) {
			t.Fatalf("errors %v, want %q", errs, want)
		}
	}
	l, _ := lib.Lesson("asset")
	if len(l.Assets) != 1 || l.Assets[0].Name != "fine" {
		t.Errorf("assets %+v", l.Assets)
	}
	l, _ = lib.Lesson("later")
	if data, err := l.Files.Read("later/a.png"); err != nil || string(data) != "fine" {
		t.Errorf("%s %v", data, err)
	}
	if err := os.Remove(filepath.Join(dir, "later/a.png")); err != nil {
		t.Fatal(err)
	}
	link(secret, "later/a.png")
	if data, err := l.Files.Read("later/a.png"); err == nil {
		t.Errorf("a link that came later is followed: %s", data)
	}
}

func TestMode(t *testing.T) {
	for chmod, want := range map[string]fs.FileMode{"": 0o644, "+x": 0o755, "+w": 0o644, "600": 0o600, "0755": 0o755, "u+x": 0o744, "go-r": 0o600, "a+w": 0o666, "u=rwx,go=": 0o700} {
		if got, ok := mode(chmod, 0o644); !ok || got != want {
			t.Errorf("%s: %o, want %o", chmod, got, want)
		}
	}
	for _, bad := range []string{"rwx", "9", "u+z", "+x;id", "99999"} {
		if _, ok := mode(bad, 0o644); ok {
			t.Errorf("%s is taken", bad)
		}
	}
}
