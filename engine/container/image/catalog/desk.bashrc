# For all shells of the learner's machine. What you add to ~/.bashrc comes after it.
[[ $- == *i* ]] || return

# All terminals share one history, and each knows what the others have run.
HISTFILE=~/.bash_history HISTSIZE=5000 HISTFILESIZE=5000 HISTCONTROL=ignoredups
shopt -s histappend checkwinsize
PROMPT_COMMAND='history -a; history -n'

# The prompt: where you are. What is around it is not seen: it tells the page where a
# command ended, and how (OSC 133).
PS1='\[\e]133;D;$?\a\e]133;A\a\]\[\e[1;34m\]\h\[\e[0m\]:\[\e[36m\]\w\[\e[0m\]$ '

alias k=kubectl
alias ls='ls --color=auto' ll='ls -l' la='ls -A' grep='grep --color=auto' diff='diff --color=auto'

if [[ -z ${BASH_COMPLETION_VERSINFO-} && -r /usr/share/bash-completion/bash_completion ]]; then
	. /usr/share/bash-completion/bash_completion
fi
