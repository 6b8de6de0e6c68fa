/* Running another program: clean environment, input given, output collected, bounded in time. */
#ifndef HOST_SPAWN_H
#define HOST_SPAWN_H

#include "text/buf.h"
#include "text/err.h"

#define SPAWN_SECRET 3

struct spawn {
    char *const *argv;   /* argv[0] is a path; nothing is searched. With exec only a name */
    const char *input;   /* standard input, or NULL for none */
    bool kin;            /* it is one of our own: it gets our environment as it is */
    const char *secret;  /* what can be read from descriptor SPAWN_SECRET, or NULL */
    int64_t deadline_ms; /* after this its process group is killed; 0: none */
    size_t output_max;   /* more output than this is an error; 0: 64 MiB */
    /* Called for every line of standard output, without the newline, instead of collecting it. */
    void (*on_line)(void *context, const char *line, size_t len);
    /* Called about five times a second; true ends the program (SIGTERM, then SIGKILL). */
    bool (*stop)(void *context);
    void *context;
    /* Called in the child instead of execve(argv); must not return. */
    void (*exec)(void *exec_context);
    void *exec_context;
    /* results */
    struct buf out, errors; /* what it wrote; errors keeps the last 64 KiB */
    int status;             /* as waitpid gives it */
    bool timed_out, stopped, flooded;
    /* while it runs */
    pid_t pid;    /* 0: it does not */
    int pipes[2]; /* its standard output and error */
    int64_t began, ending;
};

/* Runs it to its end. The child is in a process group of its own and dies with us. Returns its exit
 * code (128 + signal for a signal), or -1 with CODE_UNAVAIL when it could not be started,
 * CODE_TEMP when the deadline passed, CODE_PROTO for too much output. */
int spawn_run(struct spawn *s, struct err *err);
/* Several at once: each is started, all are served by one loop until the last has ended, each gives
 * its result. spawn_start 0 or -1, spawn_result as spawn_run. One that was not started, or gave its
 * result, is passed over. What is started runs while its parent does other things. */
int spawn_start(struct spawn *s, struct err *err);
void spawn_serve(struct spawn *const list[], size_t n);
int spawn_result(struct spawn *s, struct err *err);
/* Serves them for a moment, 200 ms at most; one that is silent then has nothing more to say, and
 * spawn_serve of it alone does not wait for long. */
void spawn_serve_some(struct spawn *const list[], size_t n);
bool spawn_silent(const struct spawn *s);
/* Has one that was started ended by now? Nobody reads what it writes then. One that was not started
 * has. */
bool spawn_ended(struct spawn *s);
void spawn_fini(struct spawn *s); /* out and errors; one that still runs is ended */

/* For a child about to become another program: no signal ignored or blocked, whatever our parent
 * left us or we set ourselves. */
void spawn_default_signals(void);

/* The last line it wrote to standard error, for messages; "" when there is none. */
const char *spawn_last_error(struct spawn *s);

/* The environment every child of ours gets: a fixed PATH, LANG=C.UTF-8, TZ=UTC, and of our own only
 * what is named in the table. Made once, never freed. */
char *const *spawn_environment(void);

/* Where our own programs are: execdm-stage and execdm-http beside the running program, else in
 * BINDIR or libexecdir; a driver in $EXECDM_DRIVER_PATH, else in libexecdir. NULL when it is not
 * there. The caller frees. */
char *spawn_find_program(const char *name);
char *spawn_find_driver(const char *name);
char *spawn_find_stager(const char *name); /* "execdm-stage-x": also in $EXECDM_STAGE_PATH, first */
/* A tool of the system, looked up in the fixed PATH; NULL when not installed. The caller frees. */
char *spawn_find_tool(const char *name);

#endif
