/* The table of phases: every phase, every event, whoever asks. `phase matrix` prints it. */
#include "model/phase.h"
#include "tap.h"

/* Every phase against every event: where it leads, and who may ask for it (w the worker, o the
 * owner, wo both); "." is refused. tests/phase.bats holds it against tests/golden/phases.txt. */
static int print_matrix(void)
{
    printf("%-10s", "");
    for (int p = 0; p < PHASE_COUNT; p++)
        printf(" %-13s", phase_name((enum phase)p));
    for (int e = 0; e < EVENT_COUNT; e++) {
        printf("\n%-10s", phase_event_name((enum phase_event)e));
        for (int p = 0; p < PHASE_COUNT; p++) {
            char cell[32] = ".";
            const int worker = phase_step((enum phase)p, (enum phase_event)e, BY_WORKER);
            const int owner = phase_step((enum phase)p, (enum phase_event)e, BY_OWNER);
            if (worker >= 0 || owner >= 0)
                snprintf(cell, sizeof(cell), "%s %s%s",
                         phase_name((enum phase)(worker >= 0 ? worker : owner)),
                         worker >= 0 ? "w" : "", owner >= 0 ? "o" : "");
            printf(" %-13s", cell);
        }
    }
    putchar('\n');
    return 0;
}

static void test_who(void)
{
    for (int p = 0; p < PHASE_COUNT; p++)
        for (int e = 0; e < EVENT_COUNT; e++) {
            const enum phase from = (enum phase)p;
            const enum phase_event event = (enum phase_event)e;
            const int worker = phase_step(from, event, BY_WORKER);
            const int owner = phase_step(from, event, BY_OWNER);
            is_int(phase_step(from, event, 0), -1, "nobody may ask for anything");
            ok(worker < 0 || owner < 0 || worker == owner, "it leads both to the same phase");
            is_int(phase_step(from, event, BY_WORKER | BY_OWNER), worker >= 0 ? worker : owner,
                   phase_event_name(event));
        }
}

/* What holds whatever the rows say. */
static void test_laws(void)
{
    for (int p = 0; p < PHASE_COUNT; p++) {
        bool leaves = false, archives = false;
        for (int e = 0; e < EVENT_COUNT; e++) {
            int to = phase_step((enum phase)p, (enum phase_event)e, BY_WORKER | BY_OWNER);
            leaves |= to >= 0 && to != PHASE_ARCHIVED;
            archives |= to == PHASE_ARCHIVED;
            ok(to != p || e == EVENT_RETRY, "no step but another attempt stays where it is");
        }
        is_int(leaves, !phase_terminal((enum phase)p), "only what is not at an end goes on");
        is_int(archives, phase_terminal((enum phase)p) && p != PHASE_ARCHIVED,
               "only what is at an end is archived");
    }
}

static const struct {
    enum phase phase;
    const char *name, *status;
    bool terminal;
} words[] = {
    {PHASE_PENDING, "PENDING", "PENDING", false},
    {PHASE_QUEUED, "QUEUED", "PENDING", false},
    {PHASE_PREPARING, "PREPARING", "PENDING", false},
    {PHASE_EXECUTING, "EXECUTING", "RUNNING", false},
    {PHASE_FINALIZING, "FINALIZING", "RUNNING", false},
    {PHASE_COMPLETED, "COMPLETED", "COMPLETED", true},
    {PHASE_ERROR, "ERROR", "FAILED", true},
    {PHASE_ABORTED, "ABORTED", "CANCELLED", true},
    {PHASE_HELD, "HELD", "PENDING", false},
    {PHASE_SUSPENDED, "SUSPENDED", "RUNNING", false},
    {PHASE_UNKNOWN, "UNKNOWN", NULL, false},
    {PHASE_ARCHIVED, "ARCHIVED", NULL, true},
};

static void test_words(void)
{
    enum phase p = PHASE_HELD;
    is_int(COUNT(words), PHASE_COUNT, "every phase has a row");
    for (size_t i = 0; i < COUNT(words); i++) {
        is_str(phase_name(words[i].phase), words[i].name, "phase");
        is_str(phase_status(words[i].phase), words[i].status, "the Planner's word");
        is_int(phase_terminal(words[i].phase), words[i].terminal, "at an end");
        is_int(phase_parse(words[i].name, &p), 0, "read back");
        is_int((int)p, (int)words[i].phase, words[i].name);
    }
    p = PHASE_HELD;
    static const char *const wrong[] = {"", "pending", "RUNNING", "PENDING ", "COMPLETE"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        is_int(phase_parse(wrong[i], &p), -1, wrong[i]);
    is_int(phase_parse(NULL, &p), -1, "no name at all");
    is_int((int)p, PHASE_HELD, "a refused name sets nothing");
}

static void test_events(void)
{
    enum phase_event e = EVENT_HOLD;
    for (int i = 0; i < EVENT_COUNT; i++) {
        is_int(phase_event_parse(phase_event_name((enum phase_event)i), &e), 0, "read back");
        is_int((int)e, i, phase_event_name((enum phase_event)i));
    }
    is_int(phase_event_parse("accept", &e), -1, "no event of the table");
    is_int(phase_event_parse(NULL, &e), -1, "none at all");
}

int main(int argc, char **argv)
{
    if (argc == 2 && str_same(argv[1], "matrix"))
        return print_matrix();
    test_who();
    test_events();
    test_laws();
    test_words();
    return tap_end();
}
