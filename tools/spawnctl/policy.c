// SPDX-License-Identifier: GPL-2.0
/*
 * Parse a policy, and find the rule for a client.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wctype.h>

#include "policy.h"
#include "tool.h"

/* Longer than any policy that a person writes; every client is compared with each rule */
#define MOST_RULES	1000

struct parser {
	const char *path;
	struct rule rule;		/* the rule of the current line */
	unsigned int line, errors;
	const char *seen[16];		/* the words of the line that may be given once */
	unsigned int seen_count;
	bool limited;			/* the line has a word that only a grant may have */
};

static void wrong(struct parser *parser, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* Print an error of the current line, or of the file before its first line */
static void wrong(struct parser *parser, const char *format, ...)
{
	char *path = printable(parser->path), text[512], clean[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	plain(text, clean, sizeof(clean));
	if (parser->line)
		fprintf(stderr, "%s:%u: %s\n", path, parser->line, clean);
	else
		fprintf(stderr, "%s: %s\n", path, clean);
	parser->errors++;
	free(path);
}

/* Parse an id, which is a number or a name that @find looks up */
static bool parse_id(const char *text, bool (*find)(const char *name, uint32_t *id), uint32_t *id)
{
	uint64_t number;

	/* The largest value means "no id" to the kernel */
	if (*text >= '0' && *text <= '9') {
		if (!read_number(text, UINT32_MAX - 1, &number))
			return false;
		*id = number;
		return true;
	}
	return find(text, id);
}

static bool find_user(const char *name, uint32_t *id)
{
	const struct passwd *entry = getpwnam(name);

	if (entry)
		*id = entry->pw_uid;
	return entry;
}

static bool find_group(const char *name, uint32_t *id)
{
	const struct group *entry = getgrnam(name);

	if (entry)
		*id = entry->gr_gid;
	return entry;
}

static void parse_user(struct parser *parser, char *value)
{
	uint32_t id;

	if (!parse_id(value, find_user, &id))
		return wrong(parser, "there is no user '%s'", value);
	parser->rule.any_user = false;
	parser->rule.user = id;
}

static void parse_group(struct parser *parser, char *value)
{
	uint32_t id;

	if (!parse_id(value, find_group, &id))
		return wrong(parser, "there is no group '%s'", value);
	parser->rule.any_group = false;
	parser->rule.group = id;
}

static char *copy(const char *text)
{
	char *made = strdup(text);

	if (!made)
		abort();
	return made;
}

static bool is_class(const char *text, size_t len, char kind)
{
	char name[16];

	if (kind != ':')
		return len == 1;
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	return len < sizeof(name) && wctype(name);
}

/*
 * Whether each '[' in @part, which has @len bytes, has its ']': fnmatch(3) takes it literally
 * otherwise. A ']' that comes first in the brackets stands for itself. A class such as [:digit:]
 * must be one that exists, and [.x.] and [=x=] have one character, or the pattern would match
 * nothing.
 */
static bool brackets_match(const char *part, size_t len)
{
	const char *end = part + len, *p = part;

	while ((p = memchr(p, '[', end - p))) {
		p++;
		if (p < end && (*p == '!' || *p == '^'))
			p++;
		if (p < end && *p == ']')
			p++;
		while (p < end && *p != ']') {
			const char *class = p;

			p++;
			if (*class != '[' || p == end || !strchr(":.=", *p))
				continue;
			for (p++; p + 1 < end && (p[0] != class[1] || p[1] != ']'); p++)
				;
			if (p + 1 >= end || !is_class(class + 2, p - class - 2, class[1]))
				return false;
			p += 2;
		}
		if (p >= end)
			return false;
	}
	return true;
}

static void parse_cgroup(struct parser *parser, char *value)
{
	const char *part = value;

	if (value[0] != '/')
		return wrong(parser, "cgroup '%s' does not begin with '/'", value);
	/* Such a path is never the client's, and so a denial would never match */
	do {
		size_t len = strcspn(++part, "/");

		if ((!len && value[1]) || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.') || !brackets_match(part, len))
			return wrong(parser, "cgroup '%s' is no path in the hierarchy", value);
		part += len;
	} while (*part);
	parser->rule.cgroup = copy(value);
}

static void parse_label(struct parser *parser, char *value)
{
	if (!brackets_match(value, strlen(value)))
		return wrong(parser, "label '%s' has a '[' without ']', or an unknown class in it",
			     value);
	parser->rule.label = copy(value);
}

static void parse_per(struct parser *parser, char *value)
{
	static const char * const names[] = {
		[PER_RULE] = "rule", [PER_USER] = "user", [PER_CGROUP] = "cgroup",
		[PER_CONNECTION] = "connection",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], value))
			continue;
		parser->rule.per = i;
		return;
	}
	wrong(parser, "per='%s' must be rule, user, cgroup or connection", value);
}

static void parse_count(struct parser *parser, char *value, __u64 *count, __u32 flag)
{
	uint64_t number;

	/* The largest value means "no limit" */
	if (!read_number(value, SPAWNCTL_NO_LIMIT - 1, &number))
		return wrong(parser, "'%s' is not a number of children", value);
	if (!number)
		return wrong(parser, "a limit of 0 children allows nothing: use 'deny'");
	*count = number;
	parser->rule.limit.flags |= flag;
}

static void parse_children(struct parser *parser, char *value)
{
	parse_count(parser, value, &parser->rule.limit.children, SPAWNCTL_LIMIT_CHILDREN);
}

static void parse_live(struct parser *parser, char *value)
{
	parse_count(parser, value, &parser->rule.limit.live, SPAWNCTL_LIMIT_LIVE);
}

static void parse_commands(struct parser *parser, char *value)
{
	struct spawnctl_limit *limit = &parser->rule.limit;
	const char *unknown = each(value, limit_add_command, limit);

	/* LIMIT would let one client take everything from the others that share the open file */
	if (unknown || limit->commands & ~(1U << SPAWNCTL_CMD_SPAWN | 1U << SPAWNCTL_CMD_FORK))
		return wrong(parser, "commands: '%s' is not spawn or fork",
			     unknown ? unknown : limit->commands & 1U << SPAWNCTL_CMD_LIMIT ?
			     "limit" : "info");
	if (!limit->commands)
		wrong(parser, "no command is allowed: use 'deny'");
}

static void parse_flags(struct parser *parser, char *value)
{
	const char *unknown = each(value, limit_add_flag, &parser->rule.limit);

	if (unknown)
		return wrong(parser, "unknown flag '%s': spawnctl(8) lists them", unknown);
	if (!parser->rule.limit.clone_flags)
		return wrong(parser, "no flag is given");
	parser->rule.limit.flags |= SPAWNCTL_LIMIT_FLAGS;
}

/* A word without @parse has no value, and sets a flag of LIMIT */
static const struct word {
	const char *name;
	bool of_grant;
	void (*parse)(struct parser *parser, char *value);
	__u32 flag;
} words[] = {
	{ "user", false, parse_user, 0 },
	{ "group", false, parse_group, 0 },
	{ "cgroup", false, parse_cgroup, 0 },
	{ "label", false, parse_label, 0 },
	{ "per", true, parse_per, 0 },
	{ "children", true, parse_children, 0 },
	{ "live", true, parse_live, 0 },
	{ "commands", true, parse_commands, 0 },
	{ "flags", true, parse_flags, 0 },
	{ "kill", true, NULL, SPAWNCTL_LIMIT_KILL },
	{ "no-new-privs", true, NULL, SPAWNCTL_LIMIT_NO_NEW_PRIVS },
	{ "reset-signals", true, NULL, SPAWNCTL_LIMIT_RESET },
};

static const struct word *find_word(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

/* Whether the line has had this word */
static bool is_given(const struct parser *parser, const char *name)
{
	unsigned int i;

	for (i = 0; i < parser->seen_count; i++)
		if (!strcmp(parser->seen[i], name))
			return true;
	return false;
}

static void parse_word(struct parser *parser, char *text)
{
	char *value = strchr(text, '=');
	const struct word *word;

	if (value)
		*value++ = '\0';
	word = find_word(text);
	if (!word)
		return wrong(parser, "unknown word '%s'", text);
	if (is_given(parser, text))
		return wrong(parser, "'%s' is given twice", text);
	parser->seen[parser->seen_count++] = word->name;
	if (word->parse && (!value || !*value))
		return wrong(parser, "'%s' needs a value", text);
	if (!word->parse && value)
		return wrong(parser, "'%s' takes no value", text);
	parser->limited |= word->of_grant;
	parser->rule.limit.flags |= word->flag;
	if (word->parse)
		word->parse(parser, value);
}

/* Whether the parts of a line go together; checked once all of them are valid */
static void check_rule(struct parser *parser)
{
	struct rule *rule = &parser->rule;

	if (!rule->grant) {
		if (parser->limited)
			wrong(parser, "'deny' takes only user, group, cgroup and label");
		return;
	}
	if (rule->per == PER_CGROUP && !rule->cgroup)
		wrong(parser, "per=cgroup needs a cgroup=");
	/* The service would hold the open file, and so nothing would be killed */
	if (rule->limit.flags & SPAWNCTL_LIMIT_KILL) {
		if (is_given(parser, "per") && rule->per != PER_CONNECTION)
			wrong(parser, "kill needs per=connection");
		rule->per = PER_CONNECTION;
	}
	if (!rule->limit.commands)
		rule->limit.commands = 1U << SPAWNCTL_CMD_SPAWN | 1U << SPAWNCTL_CMD_FORK;
	rule->limit.flags |= SPAWNCTL_LIMIT_COMMANDS | SPAWNCTL_LIMIT_FILTERED;
}

static bool matches_all(const struct rule *rule)
{
	return rule->any_user && rule->any_group && !rule->cgroup && !rule->label;
}

static void forget_rule(struct rule *rule)
{
	free(rule->text);
	free(rule->cgroup);
	free(rule->label);
}

void policy_free(struct policy *policy)
{
	unsigned int i;

	for (i = 0; i < policy->count; i++)
		forget_rule(&policy->rules[i]);
	free(policy->rules);
	*policy = (struct policy){ 0 };
}

/* A comment begins with '#' at the start of a word */
static void cut_comment(char *text)
{
	bool space = true;

	for (; *text && *text != '\n' && !(space && *text == '#'); text++)
		space = *text == ' ' || *text == '\t';
	*text = '\0';
}

/* Parse one line, and append the rule that it has, if any */
static void parse_line(struct parser *parser, char *text, struct policy *policy)
{
	struct rule *rule = &parser->rule;
	unsigned int before = parser->errors;
	char *word, *rest;
	size_t len;

	cut_comment(text);
	for (len = 0; text[len]; len++)
		if ((unsigned char)text[len] < ' ' && text[len] != '\t')
			return wrong(parser, "the line has a control character");
	text += strspn(text, " \t");
	for (len = strlen(text); len && strchr(" \t", text[len - 1]); len--)
		text[len - 1] = '\0';
	if (!*text)
		return;
	*rule = (struct rule){ .line = parser->line, .text = copy(text), .any_user = true,
			       .any_group = true, .limit.size = sizeof(rule->limit) };
	parser->seen_count = 0;
	parser->limited = false;

	word = strtok_r(text, " \t", &rest);
	rule->grant = !strcmp(word, "grant");
	if (!rule->grant && strcmp(word, "deny"))
		wrong(parser, "'%s' is not 'grant' or 'deny'", word);
	else
		while ((word = strtok_r(NULL, " \t", &rest)))
			parse_word(parser, word);
	if (parser->errors == before)
		check_rule(parser);
	if (policy->count && matches_all(&policy->rules[policy->count - 1]))
		wrong(parser, "this rule cannot match: line %u matches every client",
		      policy->rules[policy->count - 1].line);
	if (policy->count == MOST_RULES)
		wrong(parser, "more than %u rules", MOST_RULES);
	if (parser->errors != before) {
		forget_rule(rule);
		return;
	}
	policy->rules = realloc(policy->rules, (policy->count + 1) * sizeof(*rule));
	if (!policy->rules)
		abort();
	policy->rules[policy->count++] = *rule;
}

static void parse_file(struct parser *parser, FILE *file, struct policy *policy)
{
	bool grants = false;
	char *text = NULL;
	size_t size = 0;
	unsigned int i;
	ssize_t len;

	while ((len = getline(&text, &size, file)) >= 0) {
		parser->line++;
		if ((size_t)len != strlen(text))
			wrong(parser, "the line has a zero byte");
		else
			parse_line(parser, text, policy);
	}
	if (ferror(file))
		wrong(parser, "cannot be read: %s", strerror(errno));
	free(text);
	for (i = 0; i < policy->count; i++)
		grants |= policy->rules[i].grant;
	if (!grants && !parser->errors)
		wrong(parser, "the policy grants nothing");
}

/* Whether only root and this user can change the file, as each of its lines gives permissions */
static bool is_trusted(struct parser *parser, FILE *file)
{
	struct stat st;

	if (fstat(fileno(file), &st))
		wrong(parser, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		wrong(parser, "is not a regular file");
	else if (st.st_uid && st.st_uid != geteuid())
		wrong(parser, "belongs to user %u, not to root", st.st_uid);
	else if (st.st_mode & 0022)
		wrong(parser, "can be written by its group or by all users");
	return !parser->errors;
}

int policy_read(const char *path, struct policy *policy)
{
	struct parser parser = { .path = path };
	struct policy read = { 0 };
	/* A FIFO must not block */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!file) {
		int error = -errno;

		if (fd >= 0)
			close(fd);
		return error;
	}
	if (is_trusted(&parser, file))
		parse_file(&parser, file, &read);
	fclose(file);
	if (parser.errors) {
		policy_free(&read);
		return -EINVAL;
	}
	*policy = read;
	return 0;
}

bool policy_has_cgroup(const struct policy *policy)
{
	unsigned int i;

	for (i = 0; i < policy->count; i++)
		if (policy->rules[i].cgroup)
			return true;
	return false;
}

/* Length of the first @components of @path; -1 if it has fewer */
static int length_of(const char *path, unsigned int components)
{
	const char *p = path;

	while (components--) {
		if (*p != '/' || !p[1])
			return -1;
		p += 1 + strcspn(p + 1, "/");
	}
	return p - path;
}

/* No wildcard matches a slash, so a cgroup that matches has as many components as the pattern */
int policy_matched(const char *pattern, const char *path)
{
	unsigned int components = 0;
	char part[PATH_MAX];
	const char *p;
	int len;

	if (!strcmp(pattern, "/"))
		return 1;
	for (p = pattern; *p; p++)
		components += *p == '/';
	len = length_of(path, components);
	if (len < 0)
		return -1;
	snprintf(part, sizeof(part), "%.*s", len, path);
	/* The names of systemd's units have backslashes */
	return fnmatch(pattern, part, FNM_PATHNAME | FNM_NOESCAPE) ? -1 : len;
}

static bool in_group(const struct peer *peer, gid_t group)
{
	unsigned int i;

	for (i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == group)
			return true;
	return peer->gid == group;
}

/* A denial also matches a client without a label: a kernel without labels cannot tell who it is */
static bool label_matches(const struct rule *rule, const struct peer *peer)
{
	return peer->label[0] ? !fnmatch(rule->label, peer->label, FNM_NOESCAPE) : !rule->grant;
}

/* Whether the rule matches, as far as the client is known */
static bool matches(const struct rule *rule, const struct peer *peer)
{
	if (!rule->any_user && rule->user != peer->uid)
		return false;
	if (!rule->any_group && !in_group(peer, rule->group))
		return false;
	if (rule->cgroup && peer->cgroup[0] && policy_matched(rule->cgroup, peer->cgroup) < 0)
		return false;
	return !rule->label || peer->label_unknown || label_matches(rule, peer);
}

const struct rule *policy_match(const struct policy *policy, const struct peer *peer,
				bool *unknown)
{
	unsigned int i;

	for (i = 0; i < policy->count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (matches(rule, peer)) {
			*unknown = (rule->cgroup && !peer->cgroup[0]) ||
				   (rule->label && peer->label_unknown);
			return rule;
		}
	}
	*unknown = false;
	return NULL;
}
