<?xml version="1.0" encoding="UTF-8"?>
<!-- The diagrams of the model, for dot: to/DIAGRAM.ROW.dot with one graph for each frame of the row, and on standard
     output a line "DIAGRAM title" for each diagram. A frame has the classes of a package with their attributes, what
     they are composed of (diamond), what they extend (triangle) and their enumerations (dashed); what is of another
     package is a dashed box with its name, so that no line crosses frames. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">
  <xsl:import href="common.xsl"/>
  <xsl:param name="to"/>

  <xsl:template match="/">
    <xsl:for-each select="//package[not(name = $binding/diagram/row/frame/@package)]">
      <xsl:message terminate="yes">the binding has no frame for the package <xsl:value-of select="name"/></xsl:message>
    </xsl:for-each>
    <xsl:for-each select="$binding/diagram">
      <xsl:value-of select="concat(@file, ' ', @title, '&#10;')"/>
      <xsl:for-each select="row">
        <exsl:document href="{$to}/{../@file}.{position()}.dot" method="text" encoding="UTF-8">
          <xsl:apply-templates select="frame"/>
        </exsl:document>
      </xsl:for-each>
    </xsl:for-each>
  </xsl:template>

  <xsl:template match="frame[@package]">
    <xsl:apply-templates select="$model//package[name = current()/@package]"/>
  </xsl:template>

  <xsl:template match="frame">
    <xsl:call-template name="begin"><xsl:with-param name="label" select="'how to read this'"/></xsl:call-template>
    <xsl:text>    "class" [label="class|key: type\l"];
    "class" -> "class that extends it" [dir=back, arrowtail=empty, color=gray40];
    "values" [style=filled, fillcolor=gray92, label="enumeration|of values for a key\l"];
    "class that extends it" -> "values" [style=dashed, arrowhead=open, color=gray40];
    "whole" [penwidth=2, label="document|may: be missing?\lmay: be many*\l"];
    "whole" -> "part" [dir=back, arrowtail=diamond, label="key"];
    "other" [style=dashed, label="package.\nclass in another frame"];
    "part" -> "other" [style=invis];
  }
}
</xsl:text>
  </xsl:template>

  <xsl:template name="begin">
    <xsl:param name="label"/>
    <xsl:value-of select="concat('digraph &quot;', $label, '&quot; {&#10;')"/>
    <xsl:text>  graph [rankdir=LR, fontname="Helvetica", fontsize=12, nodesep=0.18, ranksep=0.35];
  node [shape=record, fontname="Helvetica", fontsize=9, height=0.2];
  edge [fontname="Helvetica", fontsize=8];
</xsl:text>
    <xsl:value-of select="concat('  subgraph &quot;cluster_', $label, '&quot; {&#10;    label=&quot;', $label,
                                 '&quot;; style=rounded; color=gray60;&#10;')"/>
  </xsl:template>

  <xsl:template match="package">
    <xsl:call-template name="begin"><xsl:with-param name="label" select="name"/></xsl:call-template>
    <xsl:apply-templates select="objectType | enumeration"/>
    <xsl:apply-templates select="objectType/extends | objectType/composition | objectType/attribute"/>
    <xsl:text>  }&#10;}&#10;</xsl:text>
  </xsl:template>

  <xsl:template match="objectType">
    <xsl:value-of select="concat('    &quot;', vodml-id, '&quot; [label=&quot;')"/>
    <xsl:if test="@abstract = 'true'">«abstract»\n</xsl:if>
    <xsl:value-of select="name"/>
    <xsl:if test="attribute">|</xsl:if>
    <xsl:for-each select="attribute">
      <xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template>
      <xsl:text>: </xsl:text>
      <xsl:call-template name="after-last">
        <xsl:with-param name="text" select="translate(datatype/vodml-ref, ':', '.')"/>
        <xsl:with-param name="mark" select="'.'"/>
      </xsl:call-template>
      <xsl:call-template name="often"/>
      <xsl:text>\l</xsl:text>
    </xsl:for-each>
    <xsl:text>"</xsl:text>
    <xsl:if test="$binding/class[@ref = current()/vodml-id]/@file">, penwidth=2</xsl:if>
    <xsl:text>];&#10;</xsl:text>
  </xsl:template>

  <!-- ? may be missing, * a list -->
  <xsl:template name="often">
    <xsl:choose>
      <xsl:when test="multiplicity/maxOccurs != 1">*</xsl:when>
      <xsl:when test="multiplicity/minOccurs = 0">?</xsl:when>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="enumeration">
    <xsl:value-of select="concat('    &quot;', vodml-id, '&quot; [style=filled, fillcolor=gray92, label=&quot;', name, '|')"/>
    <xsl:for-each select="literal">
      <xsl:value-of select="name"/>
      <xsl:choose>
        <xsl:when test="last() > 6 and position() != last() and position() mod 3 != 0">, </xsl:when>
        <xsl:otherwise>\l</xsl:otherwise>
      </xsl:choose>
    </xsl:for-each>
    <xsl:text>"];&#10;</xsl:text>
  </xsl:template>

  <!-- The node of what the current element refers to; if that is of another package, a box that names it. -->
  <xsl:template name="other">
    <xsl:variable name="id" select="substring-after(vodml-ref | datatype/vodml-ref, 'execdm:')"/>
    <xsl:variable name="package" select="substring-before($id, '.')"/>
    <xsl:choose>
      <xsl:when test="$package = ancestor::package/name"><xsl:value-of select="concat('&quot;', $id, '&quot;')"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="concat('&quot;', ancestor::package/name, '/', $id, '&quot;')"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="stub">
    <xsl:variable name="id" select="substring-after(vodml-ref | datatype/vodml-ref, 'execdm:')"/>
    <xsl:variable name="package" select="substring-before($id, '.')"/>
    <xsl:if test="$package != ancestor::package/name">
      <xsl:value-of select="concat('    &quot;', ancestor::package/name, '/', $id, '&quot; [style=dashed, label=&quot;',
                                   $package, '.\n', substring-after($id, '.'), '&quot;];&#10;')"/>
    </xsl:if>
  </xsl:template>

  <xsl:template match="extends">
    <xsl:call-template name="stub"/>
    <xsl:text>    </xsl:text>
    <xsl:call-template name="other"/>
    <xsl:value-of select="concat(' -> &quot;', ../vodml-id, '&quot; [dir=back, arrowtail=empty, color=gray40];&#10;')"/>
  </xsl:template>

  <xsl:template match="composition">
    <xsl:call-template name="stub"/>
    <xsl:value-of select="concat('    &quot;', ../vodml-id, '&quot; -> ')"/>
    <xsl:call-template name="other"/>
    <xsl:text> [dir=back, arrowtail=diamond, label="</xsl:text>
    <xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template>
    <xsl:call-template name="often"/>
    <xsl:text>"];&#10;</xsl:text>
  </xsl:template>

  <!-- of an enumeration of the same package; others are named in the box -->
  <xsl:template match="attribute">
    <xsl:if test="../../enumeration[concat('execdm:', vodml-id) = current()/datatype/vodml-ref]">
      <xsl:value-of select="concat('    &quot;', ../vodml-id, '&quot; -> &quot;', substring-after(datatype/vodml-ref, 'execdm:'),
                                   '&quot; [style=dashed, arrowhead=open, color=gray40];&#10;')"/>
    </xsl:if>
  </xsl:template>
</xsl:stylesheet>
