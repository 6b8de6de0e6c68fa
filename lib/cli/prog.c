#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/ioctl.h>
#include "cli/prog.h"
#include "text/write.h"

int prog_quiet, prog_verbose;

static const char *program_name;
static bool log_json;
static bool wants_help, wants_version, wants_quiet, wants_verbose;
static const char *log_form;

static const struct opt common[] = {
    {.letter = 'q', .name = "quiet", .flag = &wants_quiet, .help = "say only errors"},
    {.letter = 'v', .name = "verbose", .flag = &wants_verbose, .help = "say more"},
    {.name = "log", .arg = "text|json", .text = &log_form, .help = "form of the messages"},
    {.letter = 'h', .name = "help", .flag = &wants_help, .help = "print this help"},
    {.letter = 'V', .name = "version", .flag = &wants_version, .help = "print the version"},
    {0},
};

#define OPTIONS_MAX 40

void prog_say_json(const char *severity, const char *line, const json_t *object)
{
    own(buf_fini) struct buf b = {0};
    if (prog_quiet && strcmp(severity, "error") != 0)
        return;
    if (log_json)
        write_json(&b, object, 0);
    else
        buf_str(&b, line);
    buf_char(&b, '\n');
    for (size_t at = 0; at < b.len;) {
        ssize_t n = write(2, b.bytes + at, b.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

char *prog_utf8(const char *text)
{
    char *copy = str_new(text);
    own(json_fini) json_t *valid = json_string(copy);
    for (char *c = copy; !valid && *c; c++)
        if (*c & 0x80)
            *c = '?';
    return copy;
}

void prog_say(const char *severity, const char *where, const char *fmt, ...)
{
    va_list ap;
    char text[1600];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    own(str_fini) char *standard = str_print("%s: %s", program_name, where ? where : "");
    const char *place = !where || !*where              ? program_name
                        : str_begins(where, "<stdin>") ? standard /* a pipeline has many */
                                                       : where;
    own(str_fini) char *line = str_print("%s: %s: %s", place, severity, text);
    own(str_fini) char *where_utf8 = prog_utf8(place);
    own(str_fini) char *text_utf8 = prog_utf8(text);
    own(json_fini) json_t *object =
        json_pack("{s:s,s:s,s:s}", "severity", severity, "where", where_utf8, "text", text_utf8);
    prog_say_json(severity, line, object);
}

bool prog_terminal(void)
{
    return isatty(1) == 1;
}

size_t prog_width(void)
{
    struct winsize size;
    return ioctl(1, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void prog_document(struct buf *out, const json_t *doc)
{
    write_json(out, doc, prog_terminal() ? 2 : 0);
    buf_char(out, '\n');
}

int prog_write(int fd, struct buf *out, struct err *err)
{
    for (size_t at = 0; at < out->len;) {
        ssize_t n = write(fd, out->bytes + at, out->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_sys(err, "cannot write to standard %s", fd == 1 ? "output" : "error");
            err->code = CODE_IO;
            out->len = 0;
            return -1;
        }
        at += (size_t)n;
    }
    out->len = 0;
    return 0;
}

int prog_flush(struct buf *out, struct err *err)
{
    return prog_write(1, out, err);
}

/* A program started with descriptors 0 to 2 closed (cron, CGI) must not have its store become its
 * standard output. A closed standard output is remembered as one that cannot be written. */
static void open_standard(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) < 0)
            _exit(CODE_OS);
}

static size_t merge_options(const struct prog *prog, const struct opt *rows[OPTIONS_MAX])
{
    size_t n = 0;
    for (const struct opt *o = prog->options; o && o->name && n < OPTIONS_MAX; o++)
        rows[n++] = o;
    for (const struct opt *o = common; o->name && n < OPTIONS_MAX; o++)
        rows[n++] = o;
    return n;
}

static void print_help(const struct prog *prog, struct buf *out)
{
    const struct opt *rows[OPTIONS_MAX];
    size_t n = merge_options(prog, rows);
    buf_print(out, "usage: %s [options]%s%s\n\n%s\n\noptions:\n", prog->name,
              *prog->synopsis ? " " : "", prog->synopsis, prog->about);
    for (size_t i = 0; i < n; i++) {
        const struct opt *o = rows[i];
        own(buf_fini) struct buf left = {0};
        if (o->letter)
            buf_print(&left, "-%c, ", o->letter);
        else
            buf_str(&left, "    ");
        buf_print(&left, "--%s", o->name);
        if (o->arg)
            buf_print(&left, o->optional ? "[=%s]" : "=%s", o->arg);
        buf_print(out, "  %-30s %s\n", left.bytes, o->help);
    }
    buf_print(out, "\nThe manual: man %s\n", prog->name);
}

static void take_option(const struct opt *o, const char *value)
{
    if (o->flag)
        *o->flag = true;
    else if (o->text)
        *o->text = value ? value : "";
    else
        strs_add(o->list, value);
}

/* getopt names a letter in optopt; a long option is the argument it went past last. */
static int wrong_option(bool value, const char *last, struct err *err)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    return err_set(err, CODE_USAGE,
                   value ? "option %s needs a value; see --help" : "unknown option %s; see --help",
                   optopt > 0 && optopt < 0x80 ? letter : last);
}

static int parse_options(int argc, char **argv, const struct prog *prog, struct err *err)
{
    const struct opt *rows[OPTIONS_MAX];
    struct option longs[OPTIONS_MAX + 1] = {0};
    own(buf_fini) struct buf shorts = {0};
    size_t n = merge_options(prog, rows);

    buf_char(&shorts, ':');
    for (size_t i = 0; i < n; i++) {
        const struct opt *o = rows[i];
        int has = !o->arg ? no_argument : o->optional ? optional_argument : required_argument;
        longs[i] = (struct option){o->name, has, NULL, 0x100 + (int)i};
        if (o->letter)
            buf_print(&shorts, "%c%s", o->letter, has == required_argument ? ":" : "");
    }
    opterr = 0;
    for (;;) {
        int c = getopt_long(argc, argv, shorts.bytes, longs, NULL);
        if (c < 0)
            return 0;
        if (c == '?' || c == ':')
            return wrong_option(c == ':', argv[optind - 1], err);
        for (size_t i = 0; i < n; i++)
            if (c == 0x100 + (int)i || c == rows[i]->letter)
                take_option(rows[i], optarg);
    }
}

static int check_common(struct err *err)
{
    prog_quiet = wants_quiet;
    prog_verbose = wants_verbose;
    if (log_form && strcmp(log_form, "json") != 0 && strcmp(log_form, "text") != 0)
        return err_set(err, CODE_USAGE, "--log is text or json, not \"%s\"", log_form);
    log_json = str_same(log_form, "json");
    return 0;
}

static int run(int argc, char **argv, const struct prog *prog, struct buf *out, struct err *err)
{
    if (parse_options(argc, argv, prog, err) < 0 || check_common(err) < 0)
        return -1;
    if (wants_version) {
        buf_print(out, "%s %s\n", prog->name, PACKAGE_VERSION);
        return CODE_OK;
    }
    if (wants_help) {
        print_help(prog, out);
        return CODE_OK;
    }
    return prog->run(argv + optind, out, err);
}

int prog_end(int code, struct buf *out, struct err *err)
{
    if (code >= 0 && prog_flush(out, err) < 0)
        code = -1;
    if (code >= 0)
        return code;
    if (err->errnum != EPIPE) /* who reads us knows that he has gone */
        prog_say("error", err->where, "%s", err->text);
    return err->code ? (int)err->code : CODE_BUG;
}

int prog_main(int argc, char **argv, const struct prog *prog)
{
    own(buf_fini) struct buf out = {0};
    struct err err = {0};

    open_standard();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);            /* we wait for ours, whoever started us */
    json_set_alloc_funcs(mem_raw, free); /* without memory the program ends, here too */
    program_name = prog->name;
    return prog_end(run(argc, argv, prog, &out, &err), &out, &err);
}
