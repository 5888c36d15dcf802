package catalog

import (
	_ "embed"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// deskProfile is read by every interactive bash of the learner's machine, before
// the learner's own .bashrc.
//
//go:embed desk.bashrc
var deskProfile string

// kubectlCompletion is read at the first TAB after kubectl: asking the program at every
// start of a shell would take longer than all the rest of it.
const kubectlCompletion = `# What kubectl itself knows of its completion.
source <(kubectl completion bash)
complete -o default -F __start_kubectl k
`

// desk is the learner's own machine, outside of the cluster: see engine/desk. What
// it has beside the tools of networks is there for people to type on.
func desk() Recipe {
	return Recipe{
		Name: "desk", Base: "tools",
		Packages: []string{"bash-completion", "vim-tiny", "vim-common", "nano", "git", "less", "coreutils", "grep", "sed", "diffutils",
			"ncurses-bin", "ncurses-base", "libc-bin"},
		Keep: []string{
			"/usr/share/bash-completion/bash_completion", "/usr/share/bash-completion/completions/git", "/usr/share/bash-completion/completions/curl",
			"/usr/share/bash-completion/completions/ip", "/usr/share/bash-completion/completions/ping", "/usr/share/bash-completion/completions/host",
			"/usr/share/bash-completion/completions/openssl", "/usr/share/bash-completion/completions/ss", "/usr/share/bash-completion/completions/jq", "/usr/share/bash-completion/completions/kill",
			"/usr/bin/vim.tiny", "/bin/nano", "/usr/share/nano/yaml.nanorc", "/usr/share/nano/json.nanorc", "/usr/share/nano/sh.nanorc",
			"/usr/bin/git", "/usr/lib/git-core/git-remote-http", "/usr/bin/less",
			// Busybox has the rest of coreutils; these are those whose options people know.
			"/bin/ls", "/bin/date", "/bin/cp", "/usr/bin/sort", "/usr/bin/timeout", "/bin/grep", "/bin/sed", "/usr/bin/diff", "/usr/bin/env", "/usr/bin/stat", "/bin/cat",
			"/usr/bin/tput", "/usr/bin/clear", "/usr/bin/locale",
			"/lib/terminfo/s/screen-256color", "/lib/terminfo/t/tmux", "/lib/terminfo/t/tmux-256color", "/lib/terminfo/d/dumb",
			"/usr/lib/locale/C.utf8/**",
		},
		Programs: map[string]string{"k8s.io/kubernetes/cmd/kubectl": "/usr/local/bin/kubectl", "programs/pause": "/usr/sbin/init"},
		Files: []File{
			{Path: "/usr/bin/vi", Link: "vim.tiny"}, {Path: "/usr/bin/vim", Link: "vim.tiny"}, {Path: "/usr/bin/editor", Link: "nano"}, {Path: "/usr/bin/pager", Link: "less"},
			{Path: "/usr/lib/git-core/git", Link: "/usr/bin/git"}, {Path: "/usr/lib/git-core/git-remote-https", Link: "git-remote-http"},
			{Path: "/usr/share/git-core/templates", Mode: dir},
			{Path: "/etc/nanorc", Text: "include /usr/share/nano/*.nanorc\nset tabsize 2\nset tabstospaces\nset autoindent\n"},
			{Path: "/usr/share/bash-completion/completions/kubectl", Text: kubectlCompletion},
			{Path: "/usr/share/bash-completion/completions/k", Link: "kubectl"},
			{Path: "/etc/bash.bashrc", Text: deskProfile}, {Path: "/etc/profile", Text: "[ -z \"$BASH_VERSION\" ] || . /etc/bash.bashrc\n"},
			{Path: "/etc/inputrc", Text: deskInput}, {Path: "/etc/vim/vimrc.tiny", Text: deskVim},
			{Path: "/etc/gitconfig", Text: "[init]\n\tdefaultBranch = main\n[user]\n\tname = Learner\n\temail = learner@client\n[safe]\n\tdirectory = *\n"},
		},
		Config:  v1.Config{Env: []string{path0, "LANG=C.UTF-8", "EDITOR=nano", "PAGER=less"}, Cmd: []string{"/usr/sbin/init"}, WorkingDir: "/root"},
		Names:   []Names{{Repositories: []string{"docker.io/podhop/desk"}, Words: []string{"1.0"}, Only: true}},
		Version: "the learner's machine",
	}
}

const deskInput = `# A paste is not run line by line as it arrives, and TAB shows the choices at once.
set enable-bracketed-paste on
set show-all-if-ambiguous on
set colored-stats on
set completion-ignore-case on
"\e[A": history-search-backward
"\e[B": history-search-forward
"\e[1;5C": forward-word
"\e[1;5D": backward-word
"\e[3~": delete-char
"\e[H": beginning-of-line
"\e[F": end-of-line
`

const deskVim = `set nocompatible backspace=indent,eol,start ruler showmode
set expandtab shiftwidth=2 softtabstop=2 autoindent
set nobackup noswapfile viminfo=
`
