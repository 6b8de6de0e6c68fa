<?xml version="1.0" encoding="UTF-8"?>
<!-- The diagram of the model, for dot: packages as frames, classes with their attributes, what they are composed of
     (diamond) and what they extend (triangle). -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:import href="common.xsl"/>

  <xsl:template match="/">
    <xsl:text>digraph execdm {
  graph [rankdir=LR, fontname="Helvetica", fontsize=14, nodesep=0.15, ranksep=0.6, label="</xsl:text>
    <xsl:value-of select="vo-dml:model/title" xmlns:vo-dml="http://www.ivoa.net/xml/VODML/v1"/>
    <xsl:text>"];
  node [shape=record, fontname="Helvetica", fontsize=9, height=0.2];
  edge [fontname="Helvetica", fontsize=8];
</xsl:text>
    <xsl:apply-templates select="//package"/>
    <xsl:apply-templates select="//objectType/extends | //objectType/composition"/>
    <xsl:text>}&#10;</xsl:text>
  </xsl:template>

  <xsl:template match="package">
    <xsl:value-of select="concat('  subgraph cluster_', name, ' {&#10;    label=&quot;', name, '&quot;; style=rounded; color=gray60;&#10;')"/>
    <xsl:apply-templates select="objectType | enumeration"/>
    <xsl:text>  }&#10;</xsl:text>
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
      <xsl:if test="multiplicity/maxOccurs != 1 or multiplicity/minOccurs != 1">
        <xsl:text> [</xsl:text><xsl:call-template name="times"/><xsl:text>]</xsl:text>
      </xsl:if>
      <xsl:text>\l</xsl:text>
    </xsl:for-each>
    <xsl:text>"];&#10;</xsl:text>
  </xsl:template>

  <xsl:template match="enumeration">
    <xsl:value-of select="concat('    &quot;', vodml-id, '&quot; [style=filled, fillcolor=gray92, label=&quot;', name, '|')"/>
    <xsl:for-each select="literal"><xsl:value-of select="concat(name, '\l')"/></xsl:for-each>
    <xsl:text>"];&#10;</xsl:text>
  </xsl:template>

  <xsl:template match="extends">
    <xsl:value-of select="concat('  &quot;', substring-after(vodml-ref, 'execdm:'), '&quot; -> &quot;', ../vodml-id,
                                 '&quot; [dir=back, arrowtail=empty, color=gray40];&#10;')"/>
  </xsl:template>

  <xsl:template match="composition">
    <xsl:value-of select="concat('  &quot;', ../vodml-id, '&quot; -> &quot;', substring-after(datatype/vodml-ref, 'execdm:'),
                                 '&quot; [dir=back, arrowtail=diamond, label=&quot;')"/>
    <xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template>
    <xsl:text> </xsl:text>
    <xsl:call-template name="times"/>
    <xsl:text>"];&#10;</xsl:text>
  </xsl:template>
</xsl:stylesheet>
