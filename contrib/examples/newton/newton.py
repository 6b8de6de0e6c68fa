"""Square roots by the Newton-Raphson method, the example of the Execution Planner draft (1.2).

    newton.py NUMBERS       writes roots.txt: a line for each number, with its root
"""
import sys


def root(number):
    """The square root of a number, as near as a float can be."""
    if number < 0:
        raise ValueError(f"{number} is negative and has no root")
    if number == 0:
        return 0.0
    guess = max(number, 1.0)
    while True:
        better = (guess + number / guess) / 2
        if better >= guess:  # it falls from above until it cannot
            return guess
        guess = better


def roots(numbers, out="roots.txt"):
    """Writes the roots of the numbers in a file, and gives how many there were."""
    with open(numbers, encoding="ascii") as lines, open(out, "w", encoding="ascii") as file:
        count = 0
        for line in lines:
            print(line.strip(), root(float(line)), file=file)
            count += 1
    return count


if __name__ == "__main__":
    print(roots(sys.argv[1]), "roots")
