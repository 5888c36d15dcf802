package catalog

import v1 "github.com/google/go-containerregistry/pkg/v1"

// noPackages stands where a package manager does in the image of a distribution.
const noPackages = `#!/bin/sh
echo "${0##*/}: this is Podhop's stand-in for the image of a distribution, and installs no packages" >&2
echo "tools of networks are in the image nicolaka/netshoot, curl in curlimages/curl, an interpreter in python and perl" >&2
exit 100
`

// shells answer for the images that people start to have a shell, and say that
// they are not those.
func shells() []Recipe {
	return []Recipe{
		{
			Name: "alpine", Base: "busybox", Files: []File{{Path: "/usr/sbin/apk", Mode: script, Text: noPackages}},
			Config:  v1.Config{Env: []string{path0}, Cmd: []string{"/bin/sh"}},
			Names:   []Names{library("alpine", "3.1", "3.23", "edge")},
			Version: "a stand-in: busybox of Debian, without apk",
		},
		{
			Name: "debian", Base: "base", Files: []File{{Path: "/usr/bin/apt", Mode: script, Text: noPackages}, {Path: "/usr/bin/apt-get", Link: "apt"}},
			Config: v1.Config{Env: []string{path0}, Cmd: []string{"bash"}},
			Names: []Names{library("debian", "8.0", "13.9", "stable", "oldstable", "testing", "unstable", "sid"),
				library("ubuntu", "14.04", "26.04", "bionic", "focal", "jammy", "noble", "rolling", "devel")},
			Version: "a stand-in: bash and busybox of Debian, without apt",
		},
		{
			Name: "perl", Base: "base", Packages: []string{"perl-base", "perl"},
			Keep:      []string{"/usr/bin/perl", "/usr/share/perl/**", "/usr/lib/*-linux-gnu*/perl/**", "/usr/lib/*-linux-gnu*/perl-base/**"},
			Files:     []File{{Path: "/usr/local/bin/perl", Link: "/usr/bin/perl"}, {Path: "/usr/src/app", Mode: dir}},
			Config:    v1.Config{Env: []string{path0}, Cmd: []string{"perl", "-de0"}, WorkingDir: "/usr/src/app"},
			Names:     append(testImages("perl", "5.20", "5.42"), library("perl", "5.8", "5.42", "stable")),
			VersionOf: "perl-base",
		},
		{
			Name: "python", Base: "base", Packages: []string{"python3"},
			Keep:      []string{"/usr/bin/python3", "/usr/bin/python3.*", "/usr/lib/python3*/**"},
			Files:     []File{{Path: "/usr/local/bin/python", Link: "/usr/bin/python3"}, {Path: "/usr/local/bin/python3", Link: "/usr/bin/python3"}},
			Config:    v1.Config{Env: []string{path0, "LANG=C.UTF-8"}, Cmd: []string{"python3"}},
			Names:     []Names{library("python", "3.0", "3.14")},
			VersionOf: "python3",
		},
	}
}
