/* The skeleton of every program: one option table, all of standard output or nothing, one error
 * line, one exit code. */
#ifndef CLI_PROG_H
#define CLI_PROG_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

/* A row of an option table. Exactly one of flag, text, list is set and says where the value goes.
 * Rows end with {0}. --help, --version, -q, -v and --log are added to every table. */
struct opt {
    char letter; /* 0: long only */
    const char *name;
    const char *arg; /* what --help calls the value; NULL for a flag */
    bool optional;   /* the value may be left out: --wait[=PHASE] */
    bool *flag;
    const char **text; /* becomes "" when an optional value is left out */
    struct strs *list;
    const char *help;
};

struct prog {
    const char *name;
    const char *synopsis; /* operands, as after the options: "[FILE...]" */
    const char *about;    /* one line */
    const struct opt *options;
    /* Thinks and fills `out`; returns an exit code, or -1 with err set. */
    int (*run)(char **operands, struct buf *out, struct err *err);
};

/* The whole of main(). */
int prog_main(int argc, char **argv, const struct prog *prog);

/* Set from the options every program has. */
extern int prog_quiet, prog_verbose;

/* Writes what is in out to standard output now and empties it; for programs that answer document
 * by document. */
int prog_flush(struct buf *out, struct err *err);
/* The same to standard output or error. */
int prog_write(int fd, struct buf *out, struct err *err);
/* The end of a run: what is in out is written, an error is said. Returns the exit code. */
int prog_end(int code, struct buf *out, struct err *err);
/* Appends a document: indented on a terminal, else one line. */
void prog_document(struct buf *out, const json_t *doc);
/* Is standard output a terminal where a person looks? */
bool prog_terminal(void);
/* Its columns; 0 when it is none. */
size_t prog_width(void);

/* Messages on standard error: `where: severity: text`, or a JSON object a line with --log=json.
 * Notices and hints are kept back by -q. where may be NULL. */
void prog_say(const char *severity, const char *where, const char *fmt, ...) PRINTF(3, 4);
/* The text as UTF-8, which JSON must be: a file's name, or a text cut off, need not be. What is
 * wrong becomes '?'. The caller frees. */
char *prog_utf8(const char *text);
/* prog_say for a document of our own making (a finding): the object is printed with --log=json. */
void prog_say_json(const char *severity, const char *line, const json_t *object);

#endif
