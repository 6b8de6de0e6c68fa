#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/callout.h"
#include "job/trigger.h"
#include "model/signal.h"
#include "net/exchange.h"
#include "store/link.h"
#include "text/doc.h"
#include "text/uri.h"

#define PAUSE_MS 5000     /* before one that failed is started again */
#define STOP_MS 2000      /* for it to end, when we shall */
#define AT_ONCE 16        /* exchanges */
#define DEADLINE_MS 10000 /* of one */
#define MAIL_MS 30000     /* for sendmail to take a message */
#define KEPT_MS 86400000  /* how long one is tried, at least TRIES_MIN times */
#define TRIES_MIN 12      /* so that a clock set forward ends none */
#define IDENT_TEXT (UUID_TEXT + 24)
#define IDLE_MS 60000 /* the longest sleep: a job on another host wakes nobody */

/* --- the worker's side --- */

static int start(struct caller *c, const char *how, struct err *err)
{
    free(c->argv[0]);
    c->argv[0] = spawn_find_program("execdm-callout");
    c->argv[1] = (char *)how;
    c->missing = !c->argv[0];
    if (c->missing)
        return err_set(err, CODE_UNAVAIL, "execdm-callout is not installed beside this program");
    spawn_fini(&c->run);
    c->run = (struct spawn){.argv = c->argv};
    return spawn_start(&c->run, err);
}

/* It ends by itself only when something is wrong. */
static int gone(struct caller *c, struct err *err)
{
    struct spawn *run = &c->run;
    spawn_serve(&run, 1);
    const int code = spawn_result(run, err);
    const char *said = spawn_last_error(run);
    close(c->end);
    c->begun = false;
    c->again = clock_boot() + PAUSE_MS;
    return code == 0 ? 0
                     : err_set(err, CODE_TEMP, "callouts are not made: %s",
                               *said ? said : "execdm-callout ended without a word");
}

int caller_care(struct caller *c, struct store *store, struct err *err)
{
    struct pollfd end = {c->begun ? c->end : -1, POLLIN, 0};
    int64_t due;
    *err = (struct err){0};
    if (c->begun)
        return poll(&end, 1, 0) > 0 ? gone(c, err) : 0;
    if (c->missing || clock_boot() < c->again || link_next(store, clock_ms(), &due, err) <= 0)
        return 0;
    if (start(c, "stay", err) < 0)
        return -1;
    c->end = (int)syscall(SYS_pidfd_open, c->run.pid, 0);
    c->begun = c->end >= 0;
    return 0;
}

int64_t caller_due(const struct caller *c)
{
    const int64_t left = c->again - clock_boot();
    return c->begun || left <= 0 ? INT64_MAX : clock_ms() + left;
}

static bool is_due(struct store *store)
{
    struct err ignored = {0};
    int64_t now = clock_ms(), due;
    return link_next(store, now, &due, &ignored) > 0 && due <= now;
}

void caller_end(struct caller *c, struct store *store, bool (*stop)(void *context), void *context)
{
    struct err ignored = {0};
    const int64_t until = clock_boot() + STOP_MS;
    /* told until it has heard: one that has just begun may take it for a signal of ours */
    while (!spawn_ended(&c->run) && (clock_boot() < until || !(stop && stop(context)))) {
        kill(c->run.pid, SIGTERM);
        usleep(20000);
    }
    if (!c->missing && !(stop && stop(context)) && is_due(store) &&
        start(c, "once", &ignored) == 0) {
        struct spawn *one = &c->run;
        one->stop = stop;
        one->context = context;
        spawn_serve(&one, 1);
        spawn_result(one, &ignored);
    }
    spawn_fini(&c->run);
    if (c->begun)
        close(c->end);
    free(c->argv[0]);
    *c = (struct caller){0};
}

/* --- one callout --- */

/* What an attempt came to. */
static enum link_end judge(const struct exchange *x, struct err *why)
{
    const json_t *error = json_object_get(x->reply, "error");
    if (exchange_done(x, why) == 0 || json_int(error, "status", 0) / 100 == 2)
        return LINK_SENT; /* also when nobody can read what was answered */
    const bool never = why->code == CODE_PERM || why->code == CODE_NOINPUT ||
                       why->code == CODE_DATA || x->status / 100 == 3 || x->status == 410;
    return never ? LINK_FAILED : LINK_AGAIN;
}

static int settle(struct store *store, const struct callout *c, enum link_end end,
                  const struct err *why, struct err *err)
{
    const int64_t now = clock_ms();
    if (end == LINK_AGAIN && c->tries + 1 >= TRIES_MIN && now - c->time > KEPT_MS)
        end = LINK_FAILED;
    return link_settle(store, c, end, now, end == LINK_SENT ? NULL : why->text, err);
}

/* In this store, without any network: a trigger of one of our own jobs. */
static int call_here(struct store *store, const struct callout *c, struct err *err)
{
    const char *body = json_text(c->doc, "body");
    own(json_fini) json_t *values = NULL;
    own(firing_fini) struct firing f = {0};
    struct err why = {0};
    enum link_end end = LINK_SENT;
    if (doc_bytes("content", body, strlen(body), &values, &why) < 0 ||
        trigger_call(store, json_text(c->doc, "endpoint"), values, clock_ms(), &f, &why) < 0)
        end = why.code == CODE_DATA || why.code == CODE_NOINPUT ? LINK_FAILED : LINK_AGAIN;
    return settle(store, c, end, &why, err);
}

/* The key for what goes to this host, of a file of mode 0600; NULL when there is none. */
static char *signing_key(const json_t *site, const char *host, struct err *err)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(site, "signatures"), i, row) {
        const char *file = json_text(row, "file");
        struct stat st;
        char key[4096];
        if (strcasecmp(json_text(row, "host"), host) != 0)
            continue;
        own(fd_fini) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n = fd < 0 || fstat(fd, &st) < 0 ? -1 : read(fd, key, sizeof(key) - 1);
        if (n > 0 && (st.st_mode & 077)) {
            err_set(err, CODE_CONFIG, "%s: expected mode 0600, as it holds a key", file);
            return NULL;
        }
        key[n > 0 ? n : 0] = '\0';
        key[strcspn(key, "\r\n")] = '\0';
        if (!key[0])
            err_set(err, CODE_CONFIG, "%s holds no key", file);
        return key[0] ? str_new(key) : NULL;
    }
    return NULL;
}

/* Whom it may reach, and how it is signed. A new reference, NULL with err. */
static json_t *only_of(const struct callout *c, const json_t *site, const char *id, struct err *err)
{
    const json_t *policy = json_object_get(site, "policy");
    own(str_fini) char *host = uri_host(json_text(c->doc, "endpoint"));
    own(str_fini) char *key = host ? signing_key(site, host, err) : NULL;
    if (err->code)
        return NULL;
    json_t *only = json_pack("{s:O*,s:b}", "hosts", json_object_get(policy, "allow-hosts"),
                             "public", !json_is_true(json_object_get(policy, "private-addresses")));
    if (key)
        json_object_set_new(only, "signature", json_pack("{s:s,s:s}", "id", id, "key", key));
    return only;
}

/* --- mail --- */

/* A subject in any language, on one line (RFC 2047). */
static void add_subject(struct buf *b, const char *subject)
{
    bool plain = true;
    for (const char *c = subject; *c; c++)
        plain &= *c >= 0x20 && *c < 0x7f;
    if (plain && strlen(subject) < 900) {
        buf_print(b, "Subject: %s\n", subject);
        return;
    }
    buf_str(b, "Subject: ");
    for (const unsigned char *c = (const unsigned char *)subject; *c;) {
        size_t n = 0;
        buf_str(b, "=?UTF-8?Q?");
        for (; *c && (n < 12 || (*c & 0xc0) == 0x80); c++, n++) /* whole letters */
            buf_print(b, "=%02X", *c);
        buf_str(b, *c ? "?=\n " : "?=\n");
    }
}

static char *mail_of(const struct callout *c)
{
    const json_t *to = json_object_get(c->doc, "to");
    struct buf b = {0};
    size_t i;
    json_t *one;
    buf_print(&b, "To: %s", json_is_string(to) ? json_string_value(to) : "");
    json_array_foreach (to, i, one)
        buf_print(&b, "%s%s", i ? ",\n " : "", json_string_value(one));
    buf_char(&b, '\n');
    add_subject(&b, json_text(c->doc, "subject"));
    buf_print(&b,
              "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
              "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
              "Execdm-Job: %s\nExecdm-Sequence: %lld\n\n%s",
              c->job, (long long)c->number, json_text(c->doc, "body"));
    return buf_take(&b);
}

/* --- all of them --- */

/* One that is under way: by execdm-http, or by the site's sendmail. */
struct sending {
    struct callout callout;
    bool mail;
    struct exchange exchange;
    json_t *headers, *only;
    char id[IDENT_TEXT]; /* the same each time it is sent */
    struct spawn run;    /* of a mail */
    char *argv[4];
    char *text;
    struct err why; /* that it was not begun */
};

static void sending_free(struct sending *s)
{
    exchange_fini(&s->exchange);
    spawn_fini(&s->run);
    json_decref(s->headers);
    json_decref(s->only);
    json_decref(s->callout.doc);
    free(s->callout.name);
    free(s->text);
    free(s);
}

static struct spawn *run_of(struct sending *s)
{
    return s->mail ? &s->run : &s->exchange.run;
}

static void begin_mail(struct sending *s, const json_t *site)
{
    const char *program = json_text(json_object_get(site, "policy"), "sendmail");
    if (!program) {
        err_set(&s->why, CODE_PERM, "this site sends no mail any more");
        return;
    }
    s->text = mail_of(&s->callout);
    s->argv[0] = (char *)program;
    s->argv[1] = "-t";
    s->argv[2] = "-i";
    s->run = (struct spawn){.argv = s->argv, .input = s->text, .deadline_ms = MAIL_MS};
    spawn_start(&s->run, &s->why);
}

static void begin_post(struct sending *s, const json_t *site)
{
    const json_t *doc = s->callout.doc;
    s->headers =
        json_pack("{s:o}", "Execdm-Sequence", json_sprintf("%lld", (long long)s->callout.number));
    s->exchange = (struct exchange){.method = "POST",
                                    .url = json_text(doc, "endpoint"),
                                    .body = json_text(doc, "body"),
                                    .type = json_text(doc, "type"),
                                    .key = s->id,
                                    .headers = s->headers,
                                    .deadline_ms = DEADLINE_MS};
    s->only = only_of(&s->callout, site, s->id, &s->exchange.err);
    s->exchange.only = s->only;
    if (s->only)
        exchange_start(&s->exchange);
}

/* Takes over what the callout holds. */
static struct sending *begin(struct callout *c, const json_t *site)
{
    struct sending *s = mem_new(sizeof(*s));
    s->callout = *c;
    *c = (struct callout){.seq = c->seq};
    s->mail = !json_text(s->callout.doc, "endpoint");
    snprintf(s->id, sizeof(s->id), "%s.%lld", s->callout.job, (long long)s->callout.seq);
    if (s->mail)
        begin_mail(s, site);
    else
        begin_post(s, site);
    return s;
}

/* sendmail(8): its exit codes are those of sysexits.h. */
static enum link_end end_mail(struct sending *s, struct err *why)
{
    struct spawn *one = &s->run;
    *why = s->why;
    if (why->code)
        return why->code == CODE_PERM ? LINK_FAILED : LINK_AGAIN;
    spawn_serve(&one, 1);
    const int rc = spawn_result(one, why);
    if (rc > 0)
        err_set(why, CODE_UNAVAIL, "%s ended with %d: %s", s->argv[0], rc, spawn_last_error(one));
    const bool never = rc == 64 || rc == 65 || rc == 67 || rc == 68 || rc == 77;
    return rc == 0 ? LINK_SENT : never ? LINK_FAILED : LINK_AGAIN;
}

static enum link_end end_post(struct sending *s, struct err *why)
{
    struct exchange *one = &s->exchange;
    exchange_wait(&one, 1);
    return judge(one, why);
}

/* Those under way. */
struct sendings {
    struct sending *list[AT_ONCE];
    size_t n;
};

static void sendings_fini(struct sendings *all)
{
    for (size_t i = 0; i < all->n; i++)
        sending_free(all->list[i]);
}

static bool is_under_way(const struct sendings *all, const struct callout *c)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i]->callout.seq == c->seq)
            return true;
    return false;
}

/* Begins what is due and has a place. How many are there now, or -1. */
static int begin_due(struct sendings *all, struct store *store, const json_t *site, struct err *err)
{
    struct callout *list;
    size_t n;
    int rc = 0;
    if (link_due(store, clock_ms(), 2 * AT_ONCE, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *endpoint = json_text(list[i].doc, "endpoint");
        if (is_under_way(all, &list[i]))
            continue;
        if (endpoint && str_begins(endpoint, SIGNAL_PATH))
            rc = call_here(store, &list[i], err);
        else if (all->n < AT_ONCE)
            all->list[all->n++] = begin(&list[i], site);
    }
    callouts_free(list, n);
    return rc < 0 ? -1 : (int)all->n;
}

/* Settles those that have ended, each in its own time. */
static int end_some(struct sendings *all, struct store *store, struct err *err)
{
    struct spawn *runs[AT_ONCE] = {NULL};
    for (size_t i = 0; i < all->n; i++)
        runs[i] = run_of(all->list[i]);
    spawn_serve_some(runs, all->n);
    for (size_t i = all->n; i-- > 0;) {
        struct sending *s = all->list[i];
        struct err why = {0};
        if (!spawn_silent(run_of(s)))
            continue;
        const enum link_end end = s->mail ? end_mail(s, &why) : end_post(s, &why);
        all->list[i] = all->list[--all->n];
        const int rc = settle(store, &s->callout, end, &why, err);
        sending_free(s);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* One's turn: the lock is the kernel's, and goes with its holder. -1 with err->code 0: not now. */
static int take_turn(const struct store *store, bool stay, struct err *err)
{
    own(str_fini) char *path = str_print("%s/callouts.lock", store->dir);
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot open %s", path);
    if (flock(fd, stay ? LOCK_EX : LOCK_EX | LOCK_NB) < 0)
        return -1;
    const int taken = fd;
    fd = -1;
    return taken;
}

/* Any write to the store wakes it. */
static int open_alarm(const struct store *store)
{
    own(str_fini) char *wake = str_print("%s/%s", store->dir, store_wake_name());
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify_add_watch(fd, wake, IN_CLOSE_WRITE);
    return fd;
}

static int wait_for_more(struct store *store, int alarm, struct err *err)
{
    char events[4096];
    struct pollfd fd = {alarm, POLLIN, 0};
    int64_t now = clock_ms(), due = now + IDLE_MS;
    if (link_next(store, now, &due, err) < 0)
        return -1;
    const int64_t ms = due - now < IDLE_MS ? due - now : IDLE_MS;
    if (ms > 0)
        poll(&fd, 1, (int)ms);
    while (read(alarm, events, sizeof(events)) > 0)
        ;
    return 0;
}

int callout_make(struct store *store, const json_t *site, bool stay, const volatile int *told,
                 struct err *err)
{
    own(fd_fini) int turn = take_turn(store, stay, err);
    if (turn < 0)
        return err->code ? -1 : 0;
    own(fd_fini) int alarm = open_alarm(store);
    own(sendings_fini) struct sendings all = {0};
    for (;;) {
        const int n = begin_due(&all, store, site, err);
        if (n < 0 || end_some(&all, store, err) < 0)
            return -1;
        if (n > 0 || is_due(store))
            continue;
        if (!stay || *told)
            return 0;
        if (wait_for_more(store, alarm, err) < 0)
            return -1;
    }
}
