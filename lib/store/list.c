#include "store/list.h"
#include "store/db.h"

static void print_phases(struct buf *b, unsigned phases)
{
    buf_char(b, ' ');
    for (int p = 0; p < PHASE_COUNT; p++)
        if (phases & 1u << p)
            buf_print(b, "%s ", phase_name((enum phase)p));
}

int list_jobs(struct store *s, const struct list_filter *filter,
              void (*each)(void *context, const struct job *j, const char *runid), void *context,
              struct err *err)
{
    own(db_done) struct sqlite3_stmt *stmt = NULL;
    own(buf_fini) struct buf phases = {0};
    print_phases(&phases, filter->phases);
    const struct bind values[] = {TEXT(filter->owner), NUMBER(filter->after), TEXT(phases.bytes),
                                  NUMBER(filter->most), TEXT(filter->method)};
    if (db_ask(s, SQL_JOBS_LISTED, values, COUNT(values), &stmt, err) < 0)
        return -1;
    int rc;
    while ((rc = db_next(s, stmt, err)) > 0) {
        struct job j = {
            .name = (char *)db_text(stmt, 2),
            .owner = (char *)db_text(stmt, 3),
            .platform = (char *)db_text(stmt, 4),
            .driver = (char *)db_text(stmt, 5),
            .created = db_int(stmt, 6),
            .started = db_int(stmt, 7),
            .ended = db_int(stmt, 8),
            .destruction = db_int(stmt, 9),
        };
        snprintf(j.id, sizeof(j.id), "%s", db_text(stmt, 0));
        if (phase_parse(db_text(stmt, 1), &j.phase) == 0)
            each(context, &j, db_text(stmt, 10));
    }
    return rc;
}
