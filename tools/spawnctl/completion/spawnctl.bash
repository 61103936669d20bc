# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion of spawnctl(8)

_spawnctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i words=
	COMPREPLY=()
	# Bash makes three words of --option=value
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'info stats monitor doctor run limit serve help version --help --version' -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]} in
	run|limit)
		# After the options follows the command line of another command
		for ((i = 2; i <= COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--)
				((i < COMP_CWORD)) || break
				_command_offset "$((i + 1))" 2>/dev/null
				return
				;;
			--ignore-signal|--mask|--keep-fd|--chdir|--cgroup|--commands|--flags|--children|--live|-[imfCgcFNl])
				# With its value
				((i++))
				[ "${COMP_WORDS[i]-}" != = ] || ((i++))
				;;
			-*) ;;
			*)
				_command_offset "$i" 2>/dev/null
				return
				;;
			esac
		done
		;;
	esac
	case ${COMP_WORDS[1]}:$prev in
	help:*)
		mapfile -t COMPREPLY < <(compgen -W 'info stats monitor doctor run limit serve' -- "$cur")
		return
		;;
	run:-C|run:--chdir|run:-g|run:--cgroup)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	serve:-s|serve:--socket)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	monitor:-u|monitor:--uid)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return
		;;
	esac
	case ${COMP_WORDS[1]} in
	info|doctor) words='--json' ;;
	stats) words='--watch --json --openmetrics' ;;
	monitor) words='--json --uid --comm --errno --count' ;;
	run) words='--ignore-signal= --mask= --keep-signals --keep-fd= --chdir= --no-new-privs --setsid --cgroup= --' ;;
	limit) words='--commands= --flags= --children= --live= --kill --no-new-privs --reset-signals --filtered --final --' ;;
	serve)
		if [[ $cur != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
		fi
		words='--check --socket= --json'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$cur")
	if [[ ${COMPREPLY[0]-} = *= ]]; then
		compopt -o nospace
	fi
}
complete -F _spawnctl spawnctl
