"""Counts the sources of a catalogue, and how many of them overlap another."""
import sys

rows = [line.split() for line in open(sys.argv[1]) if not line.startswith("#")]
blended = sum(1 for row in rows if int(row[-1]) & 2)
print(f"{len(rows)} sources, {blended} of them blended")
with open("count.txt", "w") as out:
    print(len(rows), blended, file=out)
