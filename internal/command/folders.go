package command

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/killercoda"
	"github.com/podhop/podhop/lessons/reload"
)

// folders are those of lessons of one's own.
type folders []string

// String and Set make it a flag.Value: each time that it is given adds to it.
func (f *folders) String() string { return strings.Join(*f, string(filepath.ListSeparator)) }

func (f *folders) Set(list string) error {
	*f = append(*f, filepath.SplitList(list)...)
	return nil
}

// Separator is between the folders of a list.
func (f *folders) Separator() string { return string(filepath.ListSeparator) }

func registerLessons(fs *flag.FlagSet, f *folders) {
	fs.Var(f, "lessons", "`folder` of lessons of one's own, loaded again when they are edited; may be given more than once")
}

// formats are those of other programs whose lessons are read, too.
func formats() []lessons.Format { return []lessons.Format{killercoda.Format{}} }

// open opens the folders. It is called before there are mounts of our own, which would
// hide some of them.
func (f folders) open() (opened []reload.Folder, err error) {
	for _, name := range f {
		folder, err := reload.OpenFolder(name)
		if err != nil {
			return nil, fmt.Errorf("--lessons: %w", err)
		}
		opened = append(opened, folder)
	}
	return opened, nil
}
